/**
 * What the drivers have in common in a bench.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import type { BenchSchema } from '../schema.ts'

/** A database without unbusy. */
export interface PlainDatabase {
  /** Kysely with the dialect that the driver's users take. */
  readonly db: Kysely<BenchSchema>
  /** Runs a text without rows. */
  exec(sql: string): void | Promise<void>
  /** Prepares `sql` once, and answers what has `bind` run it for each row, all in one transaction. */
  transaction<Row>(
    sql: string,
    bind: (statement: PlainStatement, row: Row) => void,
  ): (rows: readonly Row[]) => void | Promise<void>
  close(): void
}

/** A prepared statement, as all of these drivers have it. */
export interface PlainStatement {
  run(...values: (string | number)[]): unknown
}
