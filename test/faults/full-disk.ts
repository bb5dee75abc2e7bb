/**
 * Fills a database until nothing fits, tries every way to write, and goes on once there is room: the same for every way
 * in which room can end.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from 'unbusy'
import type { AnyDatabase } from '../contract/case.ts'

/** What it came to; every row is counted by its unique text. */
export interface FullDiskReport {
  /** The class and code of each error that writes, flushes and the checkpoint met while there was no room. */
  readonly errors: readonly string[]
  /** Writes that were tried without room, and how many of them resolved. */
  readonly attemptedFull: number
  readonly acknowledgedFull: number
  /** Rows that were found while there was no room, and rows that had been acknowledged. */
  readonly storedFull: number
  readonly expectedFull: number
  /** What buffers held while there was no room, and at the end. */
  readonly bufferedFull: number
  readonly bufferedAfter: number
  readonly stored: number
  readonly distinct: number
  readonly expected: number
}

const bigBytes = 40_000

/** Runs it all on an open storage. @param makeRoom Ends the shortage; the storage stays open. */
export async function fillAndGoOn(
  storage: Storage<AnyDatabase>,
  makeRoom: () => Promise<unknown>,
): Promise<FullDiskReport> {
  const { db } = storage
  const errors = new Set<string>()
  const note = (error: unknown): void => {
    const { name, code } = error as { name: string; code?: string }
    errors.add(`${name} ${code}`)
  }
  let serial = 0
  const big = (): { text: string; bytes: Uint8Array } => ({
    text: `row ${serial++}`,
    bytes: new Uint8Array(bigBytes),
  })
  const insert = (): Promise<unknown> => db.insertInto('note').values(big()).execute()
  const count = async (): Promise<{ n: number; distinct: number }> => {
    const { rows } = await sql<{
      n: number
      d: number
    }>`select count(*) as n, count(distinct text) as d from note`.execute(db)
    return { n: rows[0]?.n ?? -1, distinct: rows[0]?.d ?? -1 }
  }
  /** All kinds: answers the rows of those that resolved. */
  const writeAll = async (): Promise<{ attempted: number; rows: number }> => {
    const pending: readonly (readonly [number, Promise<unknown>])[] = [
      [1, insert()],
      [1, insert()],
      [1, insert()],
      [2, storage.batch([db.insertInto('note').values(big()), db.insertInto('note').values(big())])],
      [
        2,
        storage.write(async (trx) => {
          await trx.insertInto('note').values(big()).execute()
          await trx.insertInto('note').values(big()).execute()
        }),
      ],
      [3, storage.repository('note', { key: 'id' }).insertMany([big(), big(), big()])],
    ]
    let rows = 0
    const settled = await Promise.allSettled(pending.map(([, promise]) => promise))
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === 'fulfilled') rows += pending[index]?.[0] ?? 0
      else note(outcome.reason)
    }
    const error = await insert().catch((reason) => reason)
    if (error instanceof Error) note(error)
    else rows++
    return { attempted: 11, rows }
  }

  let expected = 0
  for (let isFull = false; !isFull; ) {
    const size = await insert().then(
      () => 1,
      () => 0,
    )
    expected += size
    isFull = size === 0
  }
  const full = await writeAll()
  expected += full.rows

  const options = { intervalMs: 10, onError: note, capacity: 1_000 }
  const appended = storage.append({ table: 'note', maxBatch: 10, ...options })
  const notes = storage.repository('note', { key: 'id' })
  const coalesced = storage.coalesce({
    ...options,
    key: (value: { text: string }) => value.text,
    flush: (values: readonly { text: string; bytes: Uint8Array }[], context) =>
      notes.insertMany(values, { ...context, atomic: true }),
  })
  for (let index = 0; index < 20; index++) appended.push(big())
  for (let index = 0; index < 20; index++) coalesced.set(big())
  const endMs = performance.now() + 10_000
  while ((appended.stats().failures < 2 || coalesced.stats().failures < 2) && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await sql`pragma wal_checkpoint(passive)`.execute(db).catch(note)
  const { n: storedFull } = await count()
  const expectedFull = expected
  const bufferedFull = appended.size + coalesced.size
  expected += 40

  await makeRoom()
  await storage.flush()
  const bufferedAfter = appended.size + coalesced.size
  const resumed = await writeAll()
  expected += resumed.rows
  if (resumed.rows !== resumed.attempted) errors.add(`only ${resumed.rows} rows were written with room`)
  const { n, distinct } = await count()
  return {
    errors: [...errors].sort(),
    attemptedFull: full.attempted,
    acknowledgedFull: full.rows,
    storedFull,
    expectedFull,
    bufferedFull,
    bufferedAfter,
    stored: n,
    distinct,
    expected,
  }
}

/** The table that is filled. */
export async function createBigNotes({ db }: Storage<AnyDatabase>): Promise<void> {
  await sql`create table note (id integer primary key, text text unique, bytes blob)`.execute(db)
}
