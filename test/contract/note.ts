/**
 * The one small table that most cases work with.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import type { CloseReport } from 'unbusy'
import type { AnyDatabase } from './case.ts'

/** Creates the table `note` with rows of these texts; the ids count from 1. */
export async function createNotes(db: Kysely<AnyDatabase>, ...texts: string[]): Promise<void> {
  await sql`create table note (id integer primary key, text text unique)`.execute(db)
  if (texts.length > 0) {
    await db
      .insertInto('note')
      .values(texts.map((text) => ({ text })))
      .execute()
  }
}

/** Inserts one row. */
export async function addNote(db: Kysely<AnyDatabase>, text: string): Promise<void> {
  await db.insertInto('note').values({ text }).execute()
}

/** The texts in the order of their ids. */
export async function notes(db: Kysely<AnyDatabase>): Promise<string[]> {
  const rows = await db.selectFrom('note').select('text').orderBy('id').execute()
  return rows.map(({ text }) => text)
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const settled = await promise.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  )
  if ('error' in settled) return settled.error
  throw new Error(`It resolved with ${JSON.stringify(settled.value)} and should have rejected`)
}

/** The report of a close() that drained everything. */
export const nothingLost: CloseReport = {
  rejectedWrites: 0,
  revokedTransactions: 0,
  unfinishedReads: 0,
  unflushedValues: 0,
  unwrittenRows: 0,
}
