/**
 * What must not wait for ever beside outer writes and streams.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

/** Reads in microtasks alone until the write is done; answers how many reads that took, or gives up. */
async function readUntilWritten(reader: Kysely<AnyDatabase>, write: Promise<unknown>): Promise<number> {
  let isWritten = false
  const written = write.finally(() => {
    isWritten = true
  })
  let reads = 0
  while (!isWritten && reads < 20_000) {
    await sql`select 1`.execute(reader)
    reads++
  }
  await written
  return reads
}

describeContract('no hang', [
  {
    name: 'C11 a transaction that could not begin leaves the writer to the next one',
    async run({ open, holdLock }) {
      const { db } = await open({ lockTimeoutMs: 50 })
      await createNotes(db)
      const lock = await holdLock(10_000)

      for (const begin of [
        () => db.startTransaction().execute(),
        () => db.transaction().execute((trx) => addNote(trx, 'never')),
        () => db.connection().execute((connection) => sql`begin`.execute(connection)),
      ]) {
        expect(await rejection(begin())).toMatchObject({ name: 'LockTimeoutError', nothingRan: true })
      }
      await lock.release()
      const trx = await db.startTransaction().execute()
      await addNote(trx, 'after')
      await trx.commit().execute()

      expect(await notes(db)).toEqual(['after'])
    },
  },
  {
    name: 'C11 a read-only transaction that got no reader in time leaves nothing behind',
    async run({ open }) {
      const { db } = await open({ maxReaders: 2, lockTimeoutMs: 50 })
      await createNotes(db, 'a')
      const begin = () => db.startTransaction().setAccessMode('read only').execute()
      const first = await begin()

      expect((await rejection(begin())).message).toMatch(/^All 2 readers stayed in use \(maxReaders\)/)
      await first.commit().execute()
      const second = await begin()

      expect(await notes(second)).toEqual(['a'])
      await second.rollback().execute()
    },
  },
  {
    name: 'C11 reads in microtasks alone do not starve a queued write, whatever they run on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      // Two at once: the second one waits in the queue.
      const write = async (name: string): Promise<unknown> =>
        Promise.all([addNote(db, `${name} 1`), addNote(db, `${name} 2`)])

      const onDb = await readUntilWritten(db, write('db'))
      const onReader = await db
        .transaction()
        .setAccessMode('read only')
        .execute((trx) => readUntilWritten(trx, write('reader')))
      const onConnection = await db
        .connection()
        .execute((connection) => readUntilWritten(connection, write('connection')))

      expect(await notes(db)).toHaveLength(6)
      expect(Math.max(onDb, onReader, onConnection)).toBeLessThan(5_000)
    },
  },
  {
    name: 'C11 timers run while a transaction or a connection() works in microtasks alone',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const countTimers = async (handle: Kysely<AnyDatabase>): Promise<number> => {
        let timers = 0
        const timer = setInterval(() => timers++, 1)
        const endsAt = performance.now() + 5_000
        await addNote(handle, `until ${endsAt}`)
        while (timers <= 3 && performance.now() < endsAt) await sql`select 1`.execute(handle)
        clearInterval(timer)
        return timers
      }

      expect(await db.transaction().execute(countTimers)).toBeGreaterThan(3)
      expect(await db.connection().execute(countTimers)).toBeGreaterThan(3)
    },
  },
  {
    name: 'C11 a read-only transaction in connection() gives its reader back before the next transaction',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)

      await db.connection().execute(async (connection) => {
        for (let round = 0; round < 5; round++) {
          await connection.transaction().setAccessMode('read only').execute(notes)
          await connection.transaction().execute((trx) => addNote(trx, `round ${round}`))
        }
      })

      expect(await notes(db)).toHaveLength(5)
    },
  },
])
