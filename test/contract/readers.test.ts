/**
 * Readers at their limit: who waits is served, or leaves nothing behind.
 *
 * @module
 */
import { LockTimeoutError, type Storage } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { createNotes, notes, rejection } from './note.ts'

interface HeldReader {
  /** Resolves when its transaction has begun. */
  readonly begun: Promise<void>
  release(): void
  readonly ended: Promise<void>
}

/** A read-only transaction that stays open. */
function hold({ db }: Storage<AnyDatabase>): HeldReader {
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const ended = db
    .transaction()
    .setAccessMode('read only')
    .execute(async () => {
      begun.resolve()
      await gate.promise
    })
  return { begun: begun.promise, release: gate.resolve, ended }
}

function readOnly({ db }: Storage<AnyDatabase>): Promise<string[]> {
  return db
    .transaction()
    .setAccessMode('read only')
    .execute((trx) => notes(trx))
}

describeContract('readers', [
  {
    name: 'ten read-only transactions at once with maxReaders 4 all finish, on four readers at most',
    async run({ open }) {
      const storage = await open({ maxReaders: 4 })
      await createNotes(storage.db, 'a')
      let running = 0
      let most = 0

      const results = await Promise.all(
        Array.from({ length: 10 }, () =>
          storage.db
            .transaction()
            .setAccessMode('read only')
            .execute(async (trx) => {
              most = Math.max(most, ++running)
              await new Promise((resolve) => setTimeout(resolve, 5))
              const texts = await notes(trx)
              running--
              return texts
            }),
        ),
      )

      expect(results).toEqual(Array.from({ length: 10 }, () => ['a']))
      expect(most).toBeGreaterThan(1)
      expect(most).toBeLessThanOrEqual(4)
      expect(storage.stats().openReaders).toBeLessThanOrEqual(4)
    },
  },
  {
    name: 'point reads do not wait while every other reader is in use',
    async run({ open }) {
      const storage = await open({ maxReaders: 2 })
      await createNotes(storage.db, 'a')
      const held = hold(storage)
      await held.begun

      expect(await notes(storage.db)).toEqual(['a'])

      held.release()
      await held.ended
    },
  },
  {
    name: 'C3 a wait for a reader ends with the lock budget, and the next one in line is served',
    async run({ open }) {
      const clock = testClock()
      const storage = await open({ maxReaders: 2, lockTimeoutMs: 1_000, clock })
      await createNotes(storage.db, 'a')
      const held = hold(storage)
      await held.begun
      const late = rejection(readOnly(storage))
      await clock.advance(999)
      const served = readOnly(storage)

      await clock.advance(1)
      const error = await late
      held.release()

      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(error).toMatchObject({ waitedMs: 1_000, nothingRan: true })
      expect(error.message).toContain('maxReaders')
      expect(await served).toEqual(['a'])
      await held.ended
    },
  },
  {
    name: 'a reader that cannot be opened leaves its place to the next one, and those who wait are served',
    async run({ open }) {
      let failures = 3
      const storage = await open({
        maxReaders: 3,
        onConnection: (_, role) => {
          if (role === 'reader' && failures-- > 0) throw new Error('on purpose')
        },
      })
      await createNotes(storage.db, 'a')

      const settled = await Promise.allSettled(Array.from({ length: 10 }, () => readOnly(storage)))

      expect(settled.filter(({ status }) => status === 'rejected').length).toBe(3)
      expect(await readOnly(storage)).toEqual(['a'])
      expect(storage.stats().openReaders).toBeLessThanOrEqual(3)
    },
  },
  {
    name: 'the standing reader is opened again when it could not be',
    async run({ open }) {
      let isFirst = true
      const storage = await open({
        onConnection: (_, role) => {
          if (role === 'writer' || !isFirst) return
          isFirst = false
          throw new Error('on purpose')
        },
      })
      await createNotes(storage.db, 'a')

      expect(await rejection(notes(storage.db))).toMatchObject({ message: 'on purpose' })
      expect(await notes(storage.db)).toEqual(['a'])
      expect(storage.stats().openReaders).toBe(1)
    },
  },
])
