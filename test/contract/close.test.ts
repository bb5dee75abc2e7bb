/**
 * Closing: what was accepted is finished, what cannot be is reported, and nothing stays behind.
 *
 * @module
 */
import { Kysely } from 'kysely'
import { openStorage, StorageClosedError, UnbusyDialect } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from './case.ts'
import { databaseFiles } from './database-files.ts'
import { connectorTo } from './matrix.ts'
import { addNote, createNotes, notes, nothingLost, rejection } from './note.ts'
import { until } from './together.ts'

/** The texts that another process sees. */
async function committed({ peer }: CaseContext): Promise<unknown[]> {
  return (await peer('select text from note order by id')).map(({ text }) => text)
}

/** Rows of five slices. */
function thousands(name: string): { readonly text: string }[] {
  return Array.from({ length: 5_000 }, (_, index) => ({ text: `${name} ${index}` }))
}

describeContract('close', [
  {
    name: 'C15 close() drains the queued writes, and leaves one file with everything in it and no lock',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      const texts = Array.from({ length: 200 }, (_, index) => `note ${index}`)
      const writes = texts.map((text) => addNote(storage.db, text))

      expect(await storage.close()).toEqual(nothingLost)

      await Promise.all(writes)
      expect(await databaseFiles(context)).toEqual(['case.db'])
      expect(await context.peer('pragma busy_timeout = 0', 'begin immediate')).toEqual([])
      expect(await committed(context)).toEqual(texts)
    },
  },
  {
    name: 'C15 an open transaction finishes within drainTimeoutMs, and close() waits for it',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      let closing: Promise<unknown> | undefined

      await storage.write(async (trx) => {
        await addNote(trx, 'before')
        closing = storage.close()
        await new Promise((resolve) => setTimeout(resolve, 20))
        await addNote(trx, 'after')
      })

      expect(await closing).toEqual(nothingLost)
      expect(await committed(context)).toEqual(['before', 'after'])
    },
  },
  {
    name: 'C15 bulk calls of several slices are finished when they were called for before close(), else refused',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      const repository = storage.repository('note', { key: 'id' })

      const writing = [
        repository.insertMany(thousands('sliced')),
        repository.insertMany(thousands('atomic'), { atomic: true }),
      ]
      const closing = storage.close()
      const late = rejection(repository.insertMany(thousands('late')))

      expect(await Promise.all(writing)).toEqual([{ changes: 5_000 }, { changes: 5_000 }])
      expect(await closing).toEqual(nothingLost)
      expect(await late).toBeInstanceOf(StorageClosedError)
      expect(await committed(context)).toHaveLength(10_000)
    },
  },
  {
    name: 'C15 a bulk call that waits for a foreign lock is given up after drainTimeoutMs, and says what it wrote',
    async run(context) {
      const storage = await context.open({ drainTimeoutMs: 100 })
      await createNotes(storage.db)
      const repository = storage.repository('note', { key: 'id' })
      await using lock = await context.holdLock(20_000)

      const failed = rejection(repository.insertMany(thousands('row')))
      await until(() => storage.stats().queuedWrites === 1)
      const report = await storage.close()

      expect(report).toEqual({ ...nothingLost, rejectedWrites: 1 })
      expect(await failed).toMatchObject({ changes: 0, cause: expect.any(StorageClosedError) })
      await lock.release()
      expect(await committed(context)).toEqual([])
    },
  },
  {
    name: 'C15 a transaction that does not finish in time is rolled back, refuses what comes after, and is reported',
    async run(context) {
      const storage = await context.open({ drainTimeoutMs: 50 })
      await createNotes(storage.db)
      const queued: Promise<Error>[] = []
      const late = Promise.withResolvers<Error>()

      const error = await rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'revoked')
          queued.push(rejection(addNote(storage.db, 'queued')), rejection(storage.write(async () => {})))
          await storage.close()
          late.resolve(rejection(notes(trx)))
          await addNote(trx, 'too late')
        }),
      )

      expect(error).toBeInstanceOf(StorageClosedError)
      expect(await storage.close()).toEqual({ ...nothingLost, rejectedWrites: 2, revokedTransactions: 1 })
      expect(await late.promise).toBeInstanceOf(StorageClosedError)
      for (const each of queued) expect(await each).toBeInstanceOf(StorageClosedError)
      expect(await databaseFiles(context)).toEqual(['case.db'])
      expect(await committed(context)).toEqual([])
    },
  },
  {
    name: 'C15 a transaction that swallowed the error of its revocation does not commit',
    async run(context) {
      const storage = await context.open({ drainTimeoutMs: 50 })
      await createNotes(storage.db)

      const swallowed = Promise.withResolvers<void>()

      const error = await rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'revoked')
          await storage.close()
          await addNote(trx, 'too late').catch(() => swallowed.resolve())
        }),
      )

      expect(error).toBeInstanceOf(StorageClosedError)
      await swallowed.promise
      expect(await committed(context)).toEqual([])
    },
  },
  {
    name: 'C15 a transaction whose callback never ends is rejected when close() takes its writer back',
    async run(context) {
      const storage = await context.open({ drainTimeoutMs: 50 })
      await createNotes(storage.db)
      const begun = Promise.withResolvers<void>()
      const stuck = rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'stuck')
          begun.resolve()
          await new Promise(() => {})
        }),
      )
      await begun.promise

      expect(await storage.close()).toEqual({ ...nothingLost, revokedTransactions: 1 })

      expect(await stuck).toBeInstanceOf(StorageClosedError)
      expect(await committed(context)).toEqual([])
    },
  },
  {
    name: 'C15 a write that waits for a foreign lock is given up after drainTimeoutMs, reported, and never written',
    async run(context) {
      const storage = await context.open({ drainTimeoutMs: 100 })
      await createNotes(storage.db)
      const lock = await context.holdLock(20_000)
      const write = rejection(addNote(storage.db, 'given up'))

      const startedAt = performance.now()
      expect(await storage.close()).toEqual({ ...nothingLost, rejectedWrites: 1 })

      expect(performance.now() - startedAt).toBeLessThan(3_000)
      expect(await write).toBeInstanceOf(StorageClosedError)
      await lock.release()
      expect(await committed(context)).toEqual([])
    },
  },
  {
    name: 'C15 a write that waits for a foreign lock is written when that is released before drainTimeoutMs',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      await context.holdLock(300)
      const write = addNote(storage.db, 'patient')

      expect(await storage.close()).toEqual(nothingLost)

      await write
      expect(await committed(context)).toEqual(['patient'])
    },
  },
  {
    name: 'C15 a second close() answers the same, db.destroy() is close(), and await using closes',
    async run(context) {
      const storage = await context.open()
      const report = await storage.close()
      expect(await storage.close()).toBe(report)
      await storage.db.destroy()

      const destroyed = await context.open()
      await destroyed.db.destroy()
      expect(destroyed.isClosed).toBe(true)

      let inner: Awaited<ReturnType<typeof context.open>>
      {
        await using used = await context.open()
        await createNotes(used.db)
        inner = used
      }
      expect(inner.isClosed).toBe(true)
      expect(await databaseFiles(context)).toEqual(['case.db'])
    },
  },
  {
    name: 'C15 destroy() of a plain Kysely with UnbusyDialect closes as well',
    async run(context) {
      const { connector, path } = context
      const dialect = new UnbusyDialect({
        connector: await connectorTo(connector, path),
        onWarning: () => {},
      })
      const db = new Kysely<AnyDatabase>({ dialect })
      await createNotes(db, 'plain')
      expect(await notes(db)).toEqual(['plain'])

      await db.destroy()

      expect(await databaseFiles(context)).toEqual(['case.db'])
      expect(await committed(context)).toEqual(['plain'])
    },
  },
  {
    name: 'C15 a backup() that was called for before close() is made',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db, 'kept')
      const copy = `${context.path}.copy`

      const backup = storage.backup(copy)
      await storage.close()

      await backup
      await using copied = await openStorage<AnyDatabase>({
        connector: await connectorTo(context.connector, copy),
        onWarning: () => {},
      })
      expect(await notes(copied.db)).toEqual(['kept'])
    },
  },
  {
    name: 'C15 after close() everything rejects with StorageClosedError',
    async run({ open, path }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db, 'a')
      await storage.close()
      const stream = async (): Promise<void> => {
        for await (const _ of db.selectFrom('note').selectAll().stream());
      }
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        write: () => addNote(db, 'b'),
        read: () => notes(db),
        stream,
        transaction: () => db.transaction().execute((trx) => notes(trx)),
        'read-only transaction': () =>
          db
            .transaction()
            .setAccessMode('read only')
            .execute((trx) => notes(trx)),
        'controlled transaction': () => db.startTransaction().execute(),
        'storage.write': () => storage.write((trx) => notes(trx)),
        connection: () => db.connection().execute((connection) => addNote(connection, 'c')),
        backup: () => storage.backup(`${path}.copy`),
      }

      for (const [name, call] of Object.entries(calls)) {
        expect(await rejection(call()), name).toBeInstanceOf(StorageClosedError)
      }
    },
  },
  {
    name: 'C15 close() while another process has the file open leaves no page in the WAL to move',
    async run({ open, holdLock, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      await using lock = await holdLock(20_000)

      await storage.close()
      const [wal] = await peer('pragma wal_checkpoint(noop)')

      expect(wal?.log).toBeGreaterThan(0)
      expect(wal?.checkpointed).toBe(wal?.log)
      await lock.release()
    },
  },
])
