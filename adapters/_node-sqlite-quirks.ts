/**
 * What the `node:sqlite` of this runtime gets wrong, found out by trying.
 *
 * @module
 */
import { OpenError } from '../src/errors.ts'
import type { BoundValue, Row } from '../src/values.ts'
import type { Changes } from './_sync-database.ts'

// The part of `node:sqlite` that is used, so that no types of a runtime show in ours.
export type DatabaseSyncConstructor = new (path: string, options?: object) => DatabaseSync

export interface DatabaseSync {
  readonly isTransaction: boolean
  prepare(sql: string): StatementSync
  close(): void
}

export interface StatementSync {
  all(...parameters: readonly BoundValue[]): unknown[]
  run(...parameters: readonly BoundValue[]): Changes
  iterate(...parameters: readonly BoundValue[]): IterableIterator<unknown>
  columns(): readonly { readonly name: string }[]
  setReadBigInts(on: boolean): void
  setReturnArrays(on: boolean): void
  /** From Node 26 on. */
  close?(): void
}

/** What a runtime gets wrong; found out by trying, so that a fixed version is not held back. */
export interface Quirks {
  /**
   * Node 22 and Deno 2.9 count and name the columns before the first step, and only the step notices that the schema
   * changed: with `select *`, values then come under the names of other columns, without an error.
   */
  readonly countsColumnsEarly: boolean
  /** Deno 2.9 ends an iterator that meets an error as if there were no more rows. */
  readonly iteratorsHideErrors: boolean
  /** Node 22 binds a Uint8Array whose buffer is empty as NULL. */
  readonly losesEmptyBlobs: boolean
}

/** @throws {OpenError} If this `node:sqlite` is too old. */
export function quirksOf(DatabaseSync: DatabaseSyncConstructor): Quirks {
  const database = new DatabaseSync(':memory:')
  try {
    const statement = database.prepare('select * from (select 1 as a)')
    if (statement.columns === undefined || statement.setReturnArrays === undefined) {
      throw new OpenError(
        'Cannot use node:sqlite of this runtime as it is too old: it must be Node 22.16 or later',
      )
    }
    return {
      countsColumnsEarly: countsColumnsEarly(database),
      iteratorsHideErrors: iteratorsHideErrors(database),
      losesEmptyBlobs: losesEmptyBlobs(database),
    }
  } finally {
    database.close()
  }
}

function countsColumnsEarly(database: DatabaseSync): boolean {
  database.prepare('create table t (a)').run()
  database.prepare('insert into t values (1)').run()
  const statement = database.prepare('select * from t')
  database.prepare('alter table t add column b').run()
  const rows = statement.all() as Row[]
  return rows[0] === undefined || !('b' in rows[0])
}

function iteratorsHideErrors(database: DatabaseSync): boolean {
  try {
    Array.from(database.prepare("select json('{')").iterate())
    return true
  } catch {
    return false
  }
}

function losesEmptyBlobs(database: DatabaseSync): boolean {
  const [row] = database.prepare('select ? as blob').all(new Uint8Array(new ArrayBuffer(0))) as Row[]
  return row?.blob === null
}
