/**
 * better-sqlite3 as its users have it today.
 *
 * @module
 */
import Database from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import type { BenchSchema } from '../schema.ts'
import type { PlainDatabase, PlainStatement } from './database.ts'

export function openBetterSqlite3(path: string): PlainDatabase {
  const database = new Database(path)
  return {
    db: new Kysely<BenchSchema>({ dialect: new SqliteDialect({ database }) }),
    exec: (sql) => void database.exec(sql),
    transaction<Row>(sql: string, bind: (statement: PlainStatement, row: Row) => void) {
      const statement = database.prepare(sql)
      const run = database.transaction((rows: readonly Row[]) => {
        for (const row of rows) bind(statement, row)
      })
      return (rows: readonly Row[]) => run.immediate(rows)
    },
    close: () => void database.close(),
  }
}
