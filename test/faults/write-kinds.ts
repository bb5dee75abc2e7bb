/**
 * Every way in which rows get into a database, for faults that must not depend on it.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import type { Storage } from 'unbusy'
import type { AnyDatabase } from '../contract/case.ts'

/** Starts writes of one kind; each promise stands for `rows` rows that are stored together. */
export interface WriteKind {
  readonly name: string
  readonly rows: number
  start(storage: Storage<AnyDatabase>): Promise<unknown>[]
}

function add(db: Kysely<AnyDatabase>, text: string): Promise<unknown> {
  return db.insertInto('note').values({ text }).execute()
}

export const writeKinds: readonly WriteKind[] = [
  { name: 'single', rows: 1, start: ({ db }) => [add(db, 'single')] },
  {
    name: 'group',
    rows: 1,
    start: ({ db }) => Array.from({ length: 20 }, (_, index) => add(db, `group ${index}`)),
  },
  {
    name: 'batch',
    rows: 2,
    start: (storage) => [
      storage.batch(['one', 'two'].map((text) => storage.db.insertInto('note').values({ text }))),
    ],
  },
  {
    name: 'transaction',
    rows: 2,
    start: (storage) => [
      storage.write(async (trx) => {
        await add(trx, 'transaction')
        await add(trx, 'transaction')
      }),
    ],
  },
  {
    name: 'connection',
    rows: 1,
    start: ({ db }) => [db.connection().execute((connection) => add(connection, 'connection'))],
  },
  {
    name: 'bulk',
    rows: 3,
    start: (storage) => [
      storage
        .repository('note', { key: 'id' })
        .insertMany([1, 2, 3].map((index) => ({ text: `bulk ${index}` }))),
    ],
  },
]

/** A table whose rows may repeat. */
export async function createNotes({ db }: Storage<AnyDatabase>): Promise<void> {
  await sql`create table note (id integer primary key, text text)`.execute(db)
}

/** What a run of writes came to. */
export interface WriteCounts {
  readonly attempted: number
  /** Rows whose write resolved. */
  readonly acknowledged: number
  readonly errors: readonly Error[]
}

/** Runs every kind, one after the other, and counts rows. */
export async function writeAll(
  storage: Storage<AnyDatabase>,
  kinds: readonly WriteKind[] = writeKinds,
): Promise<WriteCounts> {
  let attempted = 0
  let acknowledged = 0
  const errors: Error[] = []
  for (const { rows, start } of kinds) {
    const settled = await Promise.allSettled(start(storage))
    attempted += settled.length * rows
    for (const outcome of settled) {
      if (outcome.status === 'fulfilled') acknowledged += rows
      else errors.push(outcome.reason)
    }
  }
  return { attempted, acknowledged, errors }
}
