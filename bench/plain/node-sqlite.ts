/**
 * node:sqlite as its users have it today: Kysely's SqliteDialect over the few calls that it asks for.
 *
 * @module
 */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect, type SqliteStatement } from 'kysely'
import type { BenchSchema } from '../schema.ts'
import type { PlainDatabase } from './database.ts'

export function openNodeSqlite(path: string): PlainDatabase {
  const database = new DatabaseSync(path)
  return {
    db: new Kysely<BenchSchema>({
      dialect: new SqliteDialect({
        database: { close: () => database.close(), prepare: (sql) => toSqliteStatement(database, sql) },
      }),
    }),
    exec: (sql) => database.exec(sql),
    transaction(sql, bind) {
      const statement = database.prepare(sql)
      return (rows) => {
        database.exec('BEGIN IMMEDIATE')
        for (const row of rows) bind(statement, row)
        database.exec('COMMIT')
      }
    },
    close: () => database.close(),
  }
}

function toSqliteStatement(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql)
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  }
}
