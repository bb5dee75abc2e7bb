/**
 * C3: waiting for the lock of another process leaves the event loop free, within one budget.
 *
 * @runs-alone it measures how still the event loop stands
 */
import { LockTimeoutError, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { connectorNames } from './matrix.ts'
import { median } from './median.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { waitFiveTimes } from './wait-report.ts'

async function openNotes(
  context: CaseContext,
  options?: Parameters<CaseContext['open']>[0],
): Promise<Storage<AnyDatabase>> {
  const storage = await context.open(options)
  await createNotes(storage.db)
  return storage
}

const cases: ContractCase[] = [
  {
    name: 'C3 a write waits up to 3 s for a lock: the loop is free, reads answer, and it is in once the lock is free',
    timeoutMs: 60_000,
    async run(context) {
      const storage = await openNotes(context)
      // The long hold once a runtime is enough; what it shows is the same for all.
      const longestMs = context.connector === connectorNames[0] ? 3_000 : 1_000
      const { reports, gapLimitMs } = await waitFiveTimes(context, storage, longestMs)
      const gaps = reports.map(({ worstGapMs }) => worstGapMs)
      expect(median(gaps), `gaps of ${gaps}`).toBeLessThanOrEqual(gapLimitMs)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(250)
      const late = reports.map(({ lateMs }) => lateMs)
      expect(median(late), `late by ${late}`).toBeLessThanOrEqual(15)
      for (const { reads, slowestReadMs } of reports) {
        expect(reads).toBeGreaterThan(10)
        expect(slowestReadMs).toBeLessThan(250)
      }
    },
  },
  {
    name: 'C3 lockTimeoutMs: 2000 fails at 2.0 to 2.3 s, time in the queue counts, and nothing of it is ever stored',
    async run(context) {
      const storage = await openNotes(context, { lockTimeoutMs: 2_000 })
      await using lock = await context.holdLock(20_000)
      const startMs = performance.now()
      const timed = (writing: Promise<unknown>): Promise<{ error: LockTimeoutError; afterMs: number }> =>
        rejection(writing).then((error) => ({
          error: error as LockTimeoutError,
          afterMs: performance.now() - startMs,
        }))
      let calls = 0
      const failures = await Promise.all([
        timed(addNote(storage.db, 'at the head')),
        timed(
          storage.write(
            async (trx) => {
              calls++
              await addNote(trx, 'of a call')
            },
            { lockTimeoutMs: 1_000 },
          ),
        ),
        timed(addNote(storage.db, 'behind')),
      ])

      const budgets = [2_000, 1_000, 2_000]
      for (const [index, { error, afterMs }] of failures.entries()) {
        const budgetMs = budgets[index] ?? 0
        expect(error).toBeInstanceOf(LockTimeoutError)
        expect(error).toMatchObject({ name: 'LockTimeoutError', nothingRan: true })
        expect(error.message).toMatch(/after waiting \d+ ms; nothing of it ran$/)
        expect(error.waitedMs).toBeGreaterThanOrEqual(budgetMs)
        expect(afterMs).toBeGreaterThanOrEqual(budgetMs)
        expect(afterMs).toBeLessThan(budgetMs + 300)
      }
      // One asks on behalf of all.
      for (const { error } of failures) expect(error.attempts).toBeGreaterThan(50)
      for (const { error } of failures) expect(error.cause).toBeInstanceOf(Error)
      expect(storage.stats().lockAttempts).toBeLessThan(1_500)
      expect(calls).toBe(0)

      await lock.release()
      await addNote(storage.db, 'later')
      await storage.close()
      expect(await context.peer('select text from note')).toEqual([{ text: 'later' }])
    },
  },
  {
    name: 'C3 the lockTimeoutMs of one call overrides that of the storage; it may be Infinity',
    async run(context) {
      const storage = await openNotes(context, { lockTimeoutMs: 50 })
      await using lock = await context.holdLock(20_000)
      const write = (text: string, lockTimeoutMs: number): Promise<void> =>
        storage.write((trx) => addNote(trx, text), { lockTimeoutMs })
      const error = (await rejection(write('a', 200))) as LockTimeoutError
      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(error.waitedMs).toBeGreaterThanOrEqual(200)
      const patient = write('b', Number.POSITIVE_INFINITY)
      await rejection(addNote(storage.db, 'c'))
      await lock.release()
      await patient
      expect(await notes(storage.db)).toEqual(['b'])
    },
  },
  {
    name: 'C3 lockTimeoutMs: 0 asks once',
    async run(context) {
      const storage = await openNotes(context, { lockTimeoutMs: 0 })
      await addNote(storage.db, 'a')
      await using lock = await context.holdLock(20_000)
      const error = await rejection(addNote(storage.db, 'b'))
      expect(error).toMatchObject({ name: 'LockTimeoutError', attempts: 1 })
      await lock.release()
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
]

describeContract('waiting', cases)
