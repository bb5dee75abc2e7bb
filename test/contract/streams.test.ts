/**
 * Queries in the loop over a stream, which hang in plain Kysely.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import type { Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

const texts: readonly string[] = Array.from({ length: 250 }, (_, index) => `text ${index}`)

/** Reads and writes through `inner` for each of the first rows of a stream of `outer`; answers how many rows came. */
async function readAndWriteInLoop(outer: Kysely<AnyDatabase>, inner: Kysely<AnyDatabase>): Promise<number> {
  let rows = 0
  for await (const { id } of outer.selectFrom('note').select('id').orderBy('id').stream(10)) {
    rows++
    if (rows > 25) continue
    const { text } = await inner
      .selectFrom('note')
      .select('text')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    await addNote(inner, `${text} again`)
  }
  return rows
}

/** The same case on a file and on `:memory:`. */
function onBoth(name: string, run: (storage: Storage<AnyDatabase>) => Promise<void>): ContractCase[] {
  return [
    { name: `${name}, on a file`, run: async ({ open }) => run(await open()) },
    { name: `${name}, on :memory:`, run: async ({ openInMemory }) => run(await openInMemory()) },
  ]
}

describeContract('streams', [
  ...onBoth('C11 reads and writes in the loop over a stream of db', async ({ db }) => {
    await createNotes(db, ...texts)

    // What is written while a stream runs is not in it: it is one read.
    expect(await readAndWriteInLoop(db, db)).toBe(texts.length)
    expect(await notes(db)).toHaveLength(texts.length + 25)
  }),
  ...onBoth('C11 reads and writes in the loop over a stream of trx', async ({ db }) => {
    await createNotes(db, ...texts)

    const rows = await db.transaction().execute((trx) => readAndWriteInLoop(trx, trx))

    expect(rows).toBe(texts.length)
    expect(await notes(db)).toHaveLength(texts.length + 25)
  }),
  ...onBoth('C11 reads and writes in the loop over a stream of a controlled transaction', async ({ db }) => {
    await createNotes(db, ...texts)
    const trx = await db.startTransaction().execute()

    expect(await readAndWriteInLoop(trx, trx)).toBe(texts.length)
    await trx.rollback().execute()

    expect(await notes(db)).toEqual(texts)
  }),
  ...onBoth('C11 reads and writes in the loop over a stream of connection()', async ({ db }) => {
    await createNotes(db, ...texts)

    const rows = await db.connection().execute((connection) => readAndWriteInLoop(connection, connection))

    expect(rows).toBe(texts.length)
    expect(await notes(db)).toHaveLength(texts.length + 25)
  }),
  ...onBoth('C11 ten streams at once, each with a write in its loop', async ({ db }) => {
    await createNotes(db, ...texts)
    const streamOne = async (stream: number): Promise<number> => {
      let rows = 0
      for await (const _ of db.selectFrom('note').selectAll().stream(7)) {
        if (rows++ === 3) await addNote(db, `stream ${stream}`)
      }
      return rows
    }

    const rows = await Promise.all(Array.from({ length: 10 }, (_, stream) => streamOne(stream)))

    for (const count of rows) expect(count).toBeGreaterThanOrEqual(texts.length)
    expect(await notes(db)).toHaveLength(texts.length + 10)
  }),
  ...onBoth('C11 a write in the loop over the rows that an INSERT returns', async ({ db }) => {
    await createNotes(db)
    const inserted = db
      .insertInto('note')
      .values([{ text: 'a' }, { text: 'b' }])
      .returning('text')

    for await (const { text } of inserted.stream()) await addNote(db, `${text} again`)

    expect(await notes(db)).toEqual(['a', 'b', 'a again', 'b again'])
  }),
  ...onBoth('C11 a stream that is left early frees its reader', async (storage) => {
    const { db } = storage
    await createNotes(db, ...texts)

    for (let round = 0; round < 20; round++) {
      for await (const _ of db.selectFrom('note').selectAll().stream(1)) break
      const loop = async (): Promise<void> => {
        for await (const _ of db.selectFrom('note').selectAll().stream(1)) throw new Error('enough')
      }
      expect((await rejection(loop())).message).toBe('enough')
    }

    expect(storage.stats().openReaders).toBeLessThanOrEqual(2)
    const { rows } = await sql`pragma wal_checkpoint(truncate)`.execute(db)
    expect(rows).toMatchObject([{ busy: 0 }])
  }),
  {
    name: 'C11 a stream sees one state of the database, whatever is written meanwhile',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, ...texts)
      const seen: string[] = []

      for await (const { text } of db.selectFrom('note').select('text').orderBy('id').stream(10)) {
        seen.push(text)
        if (seen.length === 1) await db.updateTable('note').set({ text: sql`text || '!'` }).execute()
      }

      expect(seen).toEqual(texts)
    },
  },
  {
    name: 'C9 an error in a stream is a SqliteError, at its start and in its middle',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, '[1]', '[2]', '[')
      const read = async (query: { stream(): AsyncIterable<unknown> }): Promise<void> => {
        for await (const _ of query.stream());
      }
      const atStart = db.selectFrom('nothing').selectAll()
      const inMiddle = db.selectFrom('note').select(sql`json(text)`.as('json')).orderBy('id')

      expect(await rejection(read(atStart))).toMatchObject({ name: 'SqliteError', code: 'SQLITE_ERROR' })
      expect(await rejection(read(inMiddle))).toMatchObject({ name: 'SqliteError', code: 'SQLITE_ERROR' })
    },
  },
])
