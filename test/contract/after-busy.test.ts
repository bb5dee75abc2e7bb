/**
 * After a lock that was waited for, or given up on: what is acknowledged is committed, and reads are of today. With
 * libSQL a statement that met BUSY freezes its connection (https://github.com/tursodatabase/libsql-js/issues/237), and
 * what is written after it is acknowledged and lost.
 *
 * @module
 */
import { LockTimeoutError, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

type Write = (storage: Storage<AnyDatabase>, text: string) => Promise<unknown>

const writes: Readonly<Record<string, Write>> = {
  statement: ({ db }, text) => addNote(db, text),
  'statement with RETURNING': ({ db }, text) =>
    db.insertInto('note').values({ text }).returning('id').execute(),
  transaction: (storage, text) => storage.write((trx) => addNote(trx, text)),
  connection: ({ db }, text) => db.connection().execute((connection) => addNote(connection, text)),
  'controlled transaction': async ({ db }, text) => {
    const trx = await db.startTransaction().execute()
    await addNote(trx, text)
    await trx.commit().execute()
  },
}
const kinds = Object.keys(writes)

describeContract('after BUSY', [
  {
    name: 'C3 C5 every kind of write waits, is committed, and is seen by another process; reads see its writes',
    async run({ open, holdLock, peer }) {
      const storage = await open()
      await createNotes(storage.db)
      await using lock = await holdLock(20_000)
      const pending = kinds.map((kind) => writes[kind]?.(storage, kind))
      expect(await notes(storage.db)).toEqual([])
      await lock.release()

      await Promise.all(pending)
      const seen = await peer(
        "insert into note (text) values ('by the other process')",
        'select text from note',
      )

      expect(seen.map(({ text }) => text)).toEqual([...kinds, 'by the other process'])
      expect(await notes(storage.db)).toEqual([...kinds, 'by the other process'])
    },
  },
  {
    name: 'C3 C5 C10 after a statement or a transaction was given up, the next write of every kind is committed, and survives the close',
    async run({ open, holdLock, peer }) {
      const storage = await open({ lockTimeoutMs: 300 })
      await createNotes(storage.db)
      const expected: string[] = []

      for (const kind of kinds.slice(0, 3)) {
        const lock = await holdLock(20_000)
        const error = await rejection(writes[kind]?.(storage, `${kind} given up`) as Promise<unknown>)
        expect(error).toBeInstanceOf(LockTimeoutError)
        await lock.release()
        for (const after of kinds) {
          await writes[after]?.(storage, `${after} after ${kind}`)
          expected.push(`${after} after ${kind}`)
        }
        expect(await notes(storage.db)).toEqual(expected)
      }

      expect((await peer('select text from note order by id')).map(({ text }) => text)).toEqual(expected)
      await storage.close()
      expect((await peer('select text from note order by id')).map(({ text }) => text)).toEqual(expected)
    },
  },
  {
    name: 'C10 reads inside the next transaction see what another process wrote after a BUSY',
    async run({ open, holdLock, peer }) {
      const storage = await open({ lockTimeoutMs: 150 })
      await createNotes(storage.db, 'ours')
      const lock = await holdLock(20_000)
      await rejection(addNote(storage.db, 'given up'))
      await lock.release()
      await peer("insert into note (text) values ('theirs')")

      const inside = await storage.write(
        async (trx) => {
          await addNote(trx, 'next')
          return notes(trx)
        },
        { lockTimeoutMs: 10_000 },
      )

      expect(inside).toEqual(['ours', 'theirs', 'next'])
      expect(await notes(storage.db)).toEqual(inside)
      expect((await peer('select text from note order by id')).map(({ text }) => text)).toEqual(inside)
    },
  },
])
