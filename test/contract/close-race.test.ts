/**
 * close() in the middle of everything: each call is answered or refused, nothing hangs, nothing stays open.
 *
 * @module
 */
import { sql } from 'kysely'
import { type Storage, StorageClosedError } from 'unbusy'
import { holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerCommand } from '../processes/peer.ts'
import { type AnyDatabase, describeContract } from './case.ts'
import { databaseFiles } from './database-files.ts'
import { addNote, createNotes, notes, nothingLost, rejection } from './note.ts'

/** How many of the calls are answered; the others must be refused. Called before the close: a refusal comes early. */
async function answered(calls: readonly Promise<unknown>[]): Promise<number> {
  const settled = await Promise.allSettled(calls)
  const refusals = settled.filter((result) => result.status === 'rejected')
  for (const { reason } of refusals) expect(reason).toBeInstanceOf(StorageClosedError)
  return calls.length - refusals.length
}

async function streamed({ db }: Storage<AnyDatabase>): Promise<number> {
  let rows = 0
  for await (const _ of db.selectFrom('note').selectAll().stream(1)) {
    rows++
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return rows
}

function readOnly({ db }: Storage<AnyDatabase>): Promise<number> {
  return db
    .transaction()
    .setAccessMode('read only')
    .execute(async (trx) => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return (await notes(trx)).length
    })
}

describeContract('close races', [
  {
    name: 'C7 C15 first batches with idempotency keys in all lanes, while a transaction has the writer',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const began = Promise.withResolvers<void>()
      const written = storage.write(async (trx) => {
        await addNote(trx, 'transaction')
        began.resolve()
        await new Promise((resolve) => setTimeout(resolve, 20))
      })
      await began.promise
      // The later one goes first.
      const batches = (['background', 'normal', 'control'] as const).map((lane) =>
        storage.batch([storage.db.insertInto('note').values({ text: lane })], { idempotencyKey: lane, lane }),
      )

      expect(await storage.close()).toEqual(nothingLost)

      await Promise.all([written, ...batches])
      await using reopened = await open()
      expect(await notes(reopened.db)).toEqual(['transaction', 'control', 'normal', 'background'])
    },
  },
  {
    name: 'C15 close() right after the first batch with an idempotency key, while a transaction has the writer',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const began = Promise.withResolvers<void>()
      const written = storage.write(async (trx) => {
        await addNote(trx, 'transaction')
        began.resolve()
        await new Promise((resolve) => setTimeout(resolve, 20))
      })
      await began.promise
      const insert = storage.db.insertInto('note').values({ text: 'batch' })
      const batch = storage.batch([insert], { idempotencyKey: 'one' })

      const report = await storage.close()

      expect(report).toEqual(nothingLost)
      await Promise.all([written, batch])
      await using reopened = await open()
      expect(await notes(reopened.db)).toEqual(['transaction', 'batch'])
    },
  },
  {
    name: 'C15 close() in one turn with writes, reads, streams and read-only transactions',
    async run({ connector, open, path, peer }) {
      const storage = await open()
      await createNotes(storage.db, ...Array.from({ length: 20 }, (_, index) => `${index}`))
      const writes = answered(Array.from({ length: 50 }, (_, index) => addNote(storage.db, `new ${index}`)))
      const reads = answered([
        ...Array.from({ length: 50 }, () => notes(storage.db)),
        ...Array.from({ length: 5 }, () => streamed(storage)),
        ...Array.from({ length: 3 }, () => readOnly(storage)),
      ])

      const report = await storage.close()

      expect(report).toEqual(nothingLost)
      const written = await writes
      await reads
      expect(storage.stats()).toMatchObject({ openReaders: 0, queuedWrites: 0 })
      expect(await databaseFiles({ connector, path })).toEqual(['case.db'])
      expect(await peer('select count(*) as n from note')).toEqual([{ n: 20 + written }])
    },
  },
  {
    name: 'C15 close() at any moment of a crowd',
    async run({ connector, open, path, peer }) {
      for (let turns = 0; turns < 12; turns++) {
        const storage = await open()
        await sql`drop table if exists note`.execute(storage.db)
        await createNotes(storage.db, 'a', 'b', 'c')
        const crowd = answered([
          ...Array.from({ length: 8 }, (_, index) => addNote(storage.db, `new ${index}`)),
          ...Array.from({ length: 40 }, () => notes(storage.db)),
          streamed(storage),
          readOnly(storage),
          storage.write((trx) => addNote(trx, 'in a transaction')),
        ])
        for (let turn = 0; turn < (turns % 4) * 20; turn++) await Promise.resolve()
        for (let turn = 0; turn < turns / 4; turn++) await new Promise((resolve) => setTimeout(resolve))

        await storage.close()

        await crowd
        expect(storage.stats().openReaders).toBe(0)
        // libSQL gives its files back when the garbage of its statements is collected, at the latest with the process.
        if (connector !== 'libsql') expect(await databaseFiles({ connector, path })).toEqual(['case.db'])
      }
      expect(await peer('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
    },
  },
  {
    name: 'C15 a read that yields to waiting writes is refused after close(), and opens no reader',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      const writes = Array.from({ length: 100 }, (_, index) => addNote(storage.db, `${index}`))
      // The 32nd of them waits for a turn.
      const reads = Array.from({ length: 64 }, () => notes(storage.db))
      const calls = answered([...writes, ...reads])

      await storage.close()

      await calls
      expect(storage.stats().openReaders).toBe(0)
    },
  },
  {
    name: 'C15 a stream that goes on after drainTimeoutMs is reported, ends well, and its reader closes then',
    not: { libsql: 'its streams are read at once, so no reader is held' },
    async run({ connector, open, path }) {
      const storage = await open({ drainTimeoutMs: 30 })
      await createNotes(storage.db, 'a', 'b', 'c')
      const texts: string[] = []

      for await (const { text } of storage.db.selectFrom('note').select('text').orderBy('id').stream(1)) {
        if (texts.length === 0) {
          expect(await storage.close()).toEqual({ ...nothingLost, unfinishedReads: 1 })
          expect(storage.stats().openReaders).toBe(1)
        }
        texts.push(text)
      }

      expect(texts).toEqual(['a', 'b', 'c'])
      expect(storage.stats().openReaders).toBe(0)
      expect(await databaseFiles({ connector, path })).toEqual(['case.db'])
    },
  },
  {
    name: 'C15 close() while a reader opens: its read is answered, and it is closed',
    async run({ connector, open, path }) {
      const gate = Promise.withResolvers<void>()
      const opening = Promise.withResolvers<void>()
      const storage = await open({
        onConnection: async (_, role) => {
          if (role === 'writer') return
          opening.resolve()
          await gate.promise
        },
      })
      await createNotes(storage.db, 'a')
      const read = notes(storage.db)
      await opening.promise

      const closing = storage.close()
      gate.resolve()

      expect(await closing).toEqual(nothingLost)
      expect(await read).toEqual(['a'])
      expect(storage.stats().openReaders).toBe(0)
      expect(await databaseFiles({ connector, path })).toEqual(['case.db'])
    },
  },
  {
    name: 'C15 a read-only transaction that goes on after drainTimeoutMs is reported, and its reader closes at its end',
    async run({ open }) {
      const storage = await open({ drainTimeoutMs: 30 })
      await createNotes(storage.db, 'a')

      const texts = await storage.db
        .transaction()
        .setAccessMode('read only')
        .execute(async (trx) => {
          expect(await storage.close()).toMatchObject({ unfinishedReads: 1 })
          return notes(trx)
        })

      expect(texts).toEqual(['a'])
      expect(storage.stats().openReaders).toBe(0)
    },
  },
  {
    name: 'C15 a read that waits for a foreign lock is given up after drainTimeoutMs, and reported',
    async run({ open, path }) {
      const storage = await open({ drainTimeoutMs: 100, pragmas: { journal_mode: 'delete' } })
      await createNotes(storage.db, 'a')
      await notes(storage.db)
      await using lock = await holdLock(path, 20_000, { command: peerCommand(), begin: 'exclusive' })
      const read = rejection(notes(storage.db))

      expect(await storage.close()).toMatchObject({ unfinishedReads: 1 })

      expect(await read).toBeInstanceOf(StorageClosedError)
      await lock.release()
    },
  },
  {
    name: 'C15 a COMMIT that waits for foreign readers is given up after drainTimeoutMs, and is never stored',
    async run({ open, path, peer }) {
      const storage = await open({ drainTimeoutMs: 100, pragmas: { journal_mode: 'delete' } })
      await createNotes(storage.db, 'a')
      await using lock = await holdLock(path, 20_000, { command: peerCommand(), begin: 'deferred' })
      const begun = Promise.withResolvers<void>()
      const transaction = rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'in a transaction')
          begun.resolve()
        }),
      )
      await begun.promise
      const alone = rejection(addNote(storage.db, 'alone'))

      const startedAt = performance.now()
      const report = await storage.close()

      expect(performance.now() - startedAt).toBeLessThan(3_000)
      expect(report).toEqual({ ...nothingLost, rejectedWrites: 1, revokedTransactions: 1 })
      expect(await transaction).toBeInstanceOf(StorageClosedError)
      expect(await alone).toBeInstanceOf(StorageClosedError)
      await lock.release()
      expect(await peer('select text from note')).toEqual([{ text: 'a' }])
    },
  },
  {
    name: 'C15 so is a lone write that waits for foreign readers',
    async run({ open, path, peer }) {
      const storage = await open({ drainTimeoutMs: 100, pragmas: { journal_mode: 'delete' } })
      await createNotes(storage.db, 'a')
      await using lock = await holdLock(path, 20_000, { command: peerCommand(), begin: 'deferred' })
      const alone = rejection(addNote(storage.db, 'alone'))

      const startedAt = performance.now()
      const report = await storage.close()

      expect(performance.now() - startedAt).toBeLessThan(3_000)
      expect(report).toEqual({ ...nothingLost, rejectedWrites: 1 })
      expect(await alone).toBeInstanceOf(StorageClosedError)
      await lock.release()
      expect(await peer('select text from note')).toEqual([{ text: 'a' }])
    },
  },
])
