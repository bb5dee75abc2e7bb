/**
 * The few calls that a synchronous driver brings: what differs between better-sqlite3, node:sqlite and bun:sqlite is
 * levelled behind these interfaces, and nothing above them knows a driver.
 *
 * @module
 */
import type { BoundValue, Row } from '../src/values.ts'

/** An open database of a synchronous driver. */
export interface SyncDatabase {
  readonly native: unknown
  readonly inTransaction: boolean
  /** Whether iterators throw what SQLite reports; where they swallow it, rows would be missing without a word. */
  readonly iterates: boolean
  prepare(sql: string): SyncStatement
  close(): void
}

/** A prepared statement of a synchronous driver. Parameters are bound by position. */
export interface SyncStatement {
  /** Whether it answers rows: a SELECT, a RETURNING clause, most PRAGMAs. */
  readonly returnsRows: boolean
  /** Whether integers are read as bigint; said before the first use. */
  setBigInts(on: boolean): void
  /** All rows. May run the statement more than once, so it is for reads only where {@linkcode allOnce} exists. */
  all(parameters: readonly BoundValue[]): Row[]
  /** All rows of a statement that must not run twice; missing where `all` runs it once anyway. */
  allOnce?(parameters: readonly BoundValue[]): Row[]
  run(parameters: readonly BoundValue[]): Changes
  iterate(parameters: readonly BoundValue[]): Iterator<Row>
  /** Frees it now; missing where only the garbage collector can. */
  finalize?(): void
}

/** What a statement without rows answered. */
export interface Changes {
  readonly changes: number | bigint
  readonly lastInsertRowid: number | bigint
}
