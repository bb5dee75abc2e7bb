/**
 * A queue that is full (contract C5, `maxQueuedWrites`): one more is refused at once, the others are not touched.
 *
 * @module
 */
import { CompiledQuery } from 'kysely'
import { QueueFullError } from 'unbusy'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { openCounters, together, until } from './together.ts'

const cases: ContractCase[] = [
  {
    name: 'C5 at maxQueuedWrites one more rejects with QueueFullError, the others are written, room comes back',
    async run({ open, holdLock }) {
      const storage = await open({ maxQueuedWrites: 5 })
      await createNotes(storage.db)
      const insert = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }),
      )
      const lock = await holdLock(20_000)
      const waiting = [0, 1, 2, 3, 4].map((index) => addNote(storage.db, `${index}`))
      let calls = 0

      const errors = await Promise.all(
        [
          addNote(storage.db, 'query'),
          addNote(storage.with({ lane: 'control' }), 'control'),
          storage.batch([CompiledQuery.raw("insert into note (text) values ('batch')")]),
          insert({ text: 'prepared' }),
          storage.write(async () => calls++),
        ].map(rejection),
      )

      for (const error of errors) expect(error).toBeInstanceOf(QueueFullError)
      expect(errors[0]?.message).toBe('Cannot queue the write as 5 are waiting (maxQueuedWrites)')
      expect(storage.stats().queuedWrites).toBe(5)
      expect(await notes(storage.db)).toEqual([])
      await lock.release()
      await Promise.all(waiting)
      await addNote(storage.db, 'after')
      expect(calls).toBe(0)
      expect(await notes(storage.db)).toEqual(['0', '1', '2', '3', '4', 'after'])
    },
  },
  {
    name: 'C5 what is aborted or over its budget makes room at once, while the lock is still held',
    async run({ open, holdLock }) {
      const storage = await open({ maxQueuedWrites: 2 })
      await createNotes(storage.db)
      await using lock = await holdLock(20_000)
      const aborter = new AbortController()
      const aborted = rejection(addNote(storage.with({ signal: aborter.signal }), 'aborted'))
      const hasty = rejection(addNote(storage.with({ lockTimeoutMs: 30 }), 'hasty'))
      expect(await rejection(addNote(storage.db, 'full'))).toBeInstanceOf(QueueFullError)

      aborter.abort()
      await aborted
      const first = addNote(storage.db, 'first')
      await hasty
      const second = addNote(storage.db, 'second')
      expect(await rejection(addNote(storage.db, 'full again'))).toBeInstanceOf(QueueFullError)
      await lock.release()
      await Promise.all([first, second])

      expect(await notes(storage.db)).toEqual(['first', 'second'])
    },
  },
  {
    name: 'C5 ten thousand writes wait for a foreign lock, and all are there once, in order',
    timeoutMs: 60_000,
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const lock = await holdLock(20_000)
      const texts = Array.from({ length: 10_000 }, (_, index) => `${index}`)
      const writes = texts.map((text) => addNote(storage.db, text))
      await until(() => storage.stats().queuedWrites === texts.length)
      const before = storage.stats().lockCycles

      await lock.release()
      await Promise.all(writes)

      expect(await notes(storage.db)).toEqual(texts)
      expect(storage.stats().largestGroup).toBeLessThanOrEqual(512)
      // 20 groups of 512 where the machine is fast; a group ends after 5 ms.
      expect(storage.stats().lockCycles - before).toBeGreaterThanOrEqual(20)
      expect(storage.stats().lockCycles - before).toBeLessThan(1_000)
    },
  },
  {
    name: 'C5 a batch counts as one write of a group, and a group of batches ends at 512 statements',
    async run(context) {
      const { storage } = await openCounters(context, {}, 'create table note (id integer primary key, text)')
      const insert = CompiledQuery.raw("insert into note (text) values ('a')")
      const batch = (): Promise<unknown> => storage.batch(Array.from({ length: 200 }, () => insert))

      const { lockCycles } = await together(storage, [batch, batch, batch, batch])

      expect(storage.stats().largestGroup).toBe(3)
      expect(lockCycles).toBe(2)
      expect(await notes(storage.db)).toHaveLength(800)
    },
  },
]

describeContract('Queue limits', cases)
