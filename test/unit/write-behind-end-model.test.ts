/**
 * The ends of the buffers against a model: closed at any point, also in the middle of a write and by one that hears no
 * signal; barriers and pushes given up by their callers; every overflow policy. What the other model knows of order and
 * failures holds here too: everything that was given to a buffer has exactly one fate, and the figures say which.
 *
 * @module
 */
import fc from 'fast-check'
import { type TestClock, testClock } from 'unbusy/testing'
import { describe, expect, test } from 'vitest'
import { AppendQueue } from '../../src/append-queue.ts'
import type { Overflow } from '../../src/buffers/append-options.ts'
import type { PushResult } from '../../src/buffers/write-behind.ts'
import { CoalescingBuffer } from '../../src/coalescing-buffer.ts'
import { Fate, fates, type Item, slowStore } from './buffer-fate.ts'
import { loadFlushCode } from './flush-code.ts'

loadFlushCode()

type Step =
  | { readonly do: 'put'; readonly key: string; readonly isPoison: boolean }
  | { readonly do: 'barrier' | 'wait' | 'close'; readonly ms: number }
  | { readonly do: 'abort' }

const keys = ['a', 'b', 'c', 'd', 'e', 'f']
const timed = (what: 'barrier' | 'wait' | 'close', max: number): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant(what), ms: fc.nat({ max }) })
const program = fc.array(
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        key: fc.constantFrom(...keys),
        isPoison: fc.constantFrom(true, ...Array<boolean>(8).fill(false)),
      }),
    },
    { weight: 5, arbitrary: timed('barrier', 300) },
    { weight: 10, arbitrary: timed('wait', 60) },
    { weight: 4, arbitrary: fc.constant<Step>({ do: 'abort' }) },
    { weight: 1, arbitrary: timed('close', 200) },
  ),
  { minLength: 5, maxLength: 80, size: 'max' },
)

/** A buffer of either kind. */
interface Buffer {
  readonly size: number
  put(item: Item, signal: AbortSignal): PushResult | Promise<PushResult>
  flush(options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<void>
  close(timeoutMs: number): Promise<number>
}

async function runProgram(
  steps: readonly Step[],
  clock: TestClock,
  fate: Fate,
  capacity: number,
  buffer: Buffer,
): Promise<number> {
  const settling: Promise<unknown>[] = []
  const accepted = new Set<number>()
  let aborter = new AbortController()
  let closing: Promise<number> | undefined
  let count = 0

  const close = (timeoutMs: number): Promise<number> =>
    buffer.close(timeoutMs).then((unwritten) => {
      fate.isClosed = true
      return unwritten
    })

  for (const step of steps) {
    if (step.do === 'wait') await clock.advance(step.ms)
    else if (step.do === 'abort') {
      aborter.abort(new Error('enough'))
      aborter = new AbortController()
    } else if (step.do === 'close') closing ??= close(step.ms)
    else if (step.do === 'put') {
      const number = ++count
      const { signal } = aborter
      const note = (result: PushResult): void => {
        if (result.accepted) accepted.add(number)
        else if (result.reason === 'closed') expect(fate.dropped.get(number)).toBe('closed')
        else if (!fate.dropped.has(number)) fate.returned.push(number)
        if (!result.accepted && closing !== undefined && !fate.returned.includes(number))
          expect(result.reason).toBe('closed')
      }
      const pushed = buffer.put({ key: step.key, numbers: [number], isPoison: step.isPoison }, signal)
      if (pushed instanceof Promise) {
        settling.push(
          pushed.then(note, (error) => {
            expect(error).toBe(signal.reason)
            fate.returned.push(number)
          }),
        )
      } else note(pushed)
    } else {
      const { signal } = aborter
      const before = [...accepted]
      const calledAtMs = clock.now()
      const barrier = buffer.flush({ timeoutMs: step.ms, signal }).then(
        () => {
          for (const number of before) expect([number, fate.isSettled(number)]).toEqual([number, true])
        },
        (error) => {
          if (error === signal.reason) return
          expect(error.name).toBe('FlushTimeoutError')
          // Before its time only because the buffer was closed.
          if (closing === undefined) expect(clock.now() - calledAtMs).toBeGreaterThanOrEqual(step.ms)
        },
      )
      settling.push(barrier)
    }
    expect(buffer.size).toBeLessThanOrEqual(capacity)
    // Whatever is held will be tried, or is being tried.
    expect(buffer.size === 0 || clock.pending > 0).toBe(true)
  }
  closing ??= close(150)
  // A second call is the same close.
  const again = buffer.close(1)
  await clock.advance(10_000)
  const unwritten = await closing
  expect(await again).toBe(unwritten)
  await Promise.all(settling)

  expect([buffer.size, clock.pending]).toEqual([0, 0])
  fate.expectOneEach(count)
  return unwritten
}

describe('The end of a CoalescingBuffer against a model', () => {
  test('everything has one fate, and the newest stays, wherever it is closed', async () => {
    const seen = { closed: 0, full: 0, late: 0, poison: 0 }
    const overflows = fc.constantFrom('drop-newest' as const, 'drop-oldest' as const)
    await fc.assert(
      fc.asyncProperty(
        program,
        fates,
        fc.integer({ min: 1, max: 6 }),
        overflows,
        async (steps, fateOf, capacity, overflow) => {
          const clock = testClock()
          const fate = new Fate()
          const buffer = new CoalescingBuffer<string, Item>(
            {
              key: ({ key }) => key,
              merge: (older, newer) => ({
                key: older.key,
                numbers: [...older.numbers, ...newer.numbers],
                isPoison: older.isPoison || newer.isPoison,
              }),
              flush: slowStore(clock, fateOf, fate),
              intervalMs: 20,
              maxPending: 4,
              capacity,
              overflow,
              onDrop: fate.onDrop,
            },
            { clock, lockTimeoutMs: 1_000 },
          )
          const unwritten = await runProgram(steps, clock, fate, capacity, {
            get size() {
              return buffer.size
            },
            put: (item) => buffer.set(item),
            flush: (options) => buffer.flush(options),
            close: async (timeoutMs) => (await buffer.close({ timeoutMs })).unflushedValues,
          })

          for (const ofKey of fate.storedByKey.values())
            expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
          const stats = buffer.stats()
          expect(stats.dropped).toBe(fate.drops)
          expect(unwritten).toBeLessThanOrEqual(fate.count('closed'))
          if (overflow === 'drop-newest' || capacity === keys.length) expect(fate.returned).toEqual([])
          seen.closed += fate.count('closed')
          seen.full += fate.count('full')
          seen.poison += fate.count('poison')
          seen.late += fate.storedLate.length
        },
      ),
      { numRuns: Number(process.env.MODEL_RUNS ?? 300) },
    )
    for (const [what, count] of Object.entries(seen)) expect([what, count > 10]).toEqual([what, true])
  })
})

describe('The end of an AppendQueue against a model', () => {
  test('every row has one fate, in order, wherever it is closed and whatever the overflow policy', async () => {
    const seen = { closed: 0, full: 0, returned: 0, late: 0, poison: 0 }
    const overflows = fc.constantFrom<Overflow[]>('drop-newest', 'drop-oldest', 'reject', 'wait')
    await fc.assert(
      fc.asyncProperty(
        program,
        fates,
        fc.integer({ min: 1, max: 8 }),
        overflows,
        async (steps, fateOf, capacity, overflow) => {
          const clock = testClock()
          const fate = new Fate()
          const queue = new AppendQueue<Item, PushResult | Promise<PushResult>>(
            { table: 'item', overflow, capacity, maxBatch: 4, intervalMs: 20, onDrop: fate.onDrop },
            { clock, lockTimeoutMs: 1_000 },
            slowStore(clock, fateOf, fate),
          )
          await runProgram(steps, clock, fate, capacity, {
            get size() {
              return queue.size
            },
            put: (item, signal) => queue.push(item, { timeoutMs: 70, signal }),
            flush: (options) => queue.flush(options),
            close: async (timeoutMs) => (await queue.close({ timeoutMs })).unwrittenRows,
          })

          expect(fate.stored).toEqual(fate.stored.toSorted((a, b) => a - b))
          const { dropped, droppedBy, flushed, waiting } = queue.stats()
          expect([dropped, flushed, waiting]).toEqual([
            fate.drops,
            fate.stored.length + fate.storedLate.length,
            0,
          ])
          for (const reason of ['full', 'poison', 'closed'] as const)
            expect([reason, droppedBy[reason]]).toEqual([reason, fate.count(reason)])
          // Only these leave a row to its caller, and only the others drop one for want of room.
          const returns = overflow === 'reject' || overflow === 'wait'
          expect(returns ? fate.count('full') : fate.returned.length).toBe(0)
          seen.closed += fate.count('closed')
          seen.full += fate.count('full')
          seen.poison += fate.count('poison')
          seen.returned += fate.returned.length
          seen.late += fate.storedLate.length
        },
      ),
      { numRuns: Number(process.env.MODEL_RUNS ?? 300) },
    )
    for (const [what, count] of Object.entries(seen)) expect([what, count > 10]).toEqual([what, true])
  })
})
