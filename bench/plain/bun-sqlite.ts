/**
 * bun:sqlite as its users have it today, with kysely-bun-sqlite.
 *
 * @module
 */
import { Database } from 'bun:sqlite'
import { Kysely } from 'kysely'
import { BunSqliteDialect } from 'kysely-bun-sqlite'
import type { BenchSchema } from '../schema.ts'
import type { PlainDatabase, PlainStatement } from './database.ts'

export function openBunSqlite(path: string): PlainDatabase {
  const database = new Database(path)
  return {
    db: new Kysely<BenchSchema>({ dialect: new BunSqliteDialect({ database }) }),
    exec: (sql) => void database.run(sql),
    transaction<Row>(sql: string, bind: (statement: PlainStatement, row: Row) => void) {
      const statement = database.prepare(sql)
      const run = database.transaction((rows: readonly Row[]) => {
        for (const row of rows) bind(statement, row)
      })
      return (rows: readonly Row[]) => run.immediate(rows)
    },
    close: () => database.close(),
  }
}
