/**
 * Random sequences against a simple model. What is written is numbered, and merging two values joins their numbers, so
 * the store shows everything that ever happened to them: nothing lost, nothing twice, nothing older after something newer.
 *
 * @module
 */
import fc from 'fast-check'
import { ConstraintError, LockTimeoutError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { describe, expect, test } from 'vitest'
import { AppendQueue } from '../../src/append-queue.ts'
import type { Overflow } from '../../src/buffers/append-options.ts'
import type { Drop, PushResult } from '../../src/buffers/write-behind.ts'
import { CoalescingBuffer } from '../../src/coalescing-buffer.ts'
import { loadFlushCode } from './flush-code.ts'

loadFlushCode()

const locked = (): LockTimeoutError =>
  new LockTimeoutError('The database stayed locked', { waitedMs: 60_000, attempts: 9 })
const refused = (): ConstraintError => new ConstraintError('CHECK constraint failed', 275)

const keys = ['a', 'b', 'c', 'd']

type Step =
  | { readonly do: 'put'; readonly key: string; readonly isPoison: boolean }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'flush'; readonly timeoutMs: number }
  | { readonly do: 'wait'; readonly ms: number }

const key = fc.constantFrom(...keys)
const put = (isPoison: boolean): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant('put' as const), key, isPoison: fc.constant(isPoison) })
const steps = (withDelete: boolean): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 12, arbitrary: put(false) },
      { weight: 1, arbitrary: put(true) },
      { weight: withDelete ? 1 : 0, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('flush' as const), timeoutMs: fc.nat({ max: 200 }) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 60 }) }) },
    ),
    { maxLength: 60 },
  )

/** What the n-th write meets: how long it takes, and whether the lock is there. */
const fates = fc.array(fc.record({ ms: fc.nat({ max: 40 }), isLocked: fc.boolean() }), {
  minLength: 1,
  maxLength: 12,
})

/** A store that takes its time, and now and then has no lock to give. */
function slowStore<Value>(
  clock: ReturnType<typeof testClock>,
  fateOf: readonly { readonly ms: number; readonly isLocked: boolean }[],
  isPoison: (value: Value) => boolean,
  commit: (value: Value) => void,
): (values: readonly Value[]) => Promise<number> {
  let calls = 0
  let isWriting = false
  return async (values) => {
    expect(isWriting).toBe(false)
    isWriting = true
    const fate = fateOf[calls++ % fateOf.length]
    await new Promise<void>((resolve) => clock.schedule(fate?.ms ?? 0, resolve))
    isWriting = false
    if (fate?.isLocked) throw locked()
    if (values.some(isPoison)) throw refused()
    for (const value of values) commit(value)
    return values.length
  }
}

interface Log {
  readonly key: string
  readonly numbers: readonly number[]
}

describe('CoalescingBuffer against a model', () => {
  test('every value is stored once, in order, or reported as dropped; barriers tell the truth', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(true),
        fates,
        fc.integer({ min: 1, max: 5 }),
        async (program, fateOf, capacity) => {
          const clock = testClock()
          const stored = new Map<string, number[]>(keys.map((key) => [key, []]))
          const poisonNumbers = new Set<number>()
          const dropped: number[] = []
          const deleted = new Set<number>()
          const barriers: Promise<void>[] = []
          const store = slowStore<Log>(
            clock,
            fateOf,
            ({ numbers }) => numbers.some((number) => poisonNumbers.has(number)),
            ({ key, numbers }) => stored.get(key)?.push(...numbers),
          )
          const buffer = new CoalescingBuffer<string, Log>(
            {
              key: ({ key }) => key,
              merge: (older, newer) => ({ ...older, numbers: [...older.numbers, ...newer.numbers] }),
              flush: store,
              intervalMs: 20,
              maxPending: 3,
              capacity,
              onDrop: ({ value }: Drop<Log>) => dropped.push(...value.numbers),
            },
            { clock, lockTimeoutMs: 1_000 },
          )
          let count = 0
          const isSettled = (number: number): boolean =>
            dropped.includes(number) ||
            deleted.has(number) ||
            [...stored.values()].some((numbers) => numbers.includes(number))
          for (const step of program) {
            if (step.do === 'wait') await clock.advance(step.ms)
            else if (step.do === 'delete') {
              for (const number of buffer.get(step.key)?.numbers ?? []) deleted.add(number)
              buffer.delete(step.key)
              expect(buffer.get(step.key)).toBeUndefined()
            } else if (step.do === 'put') {
              count++
              if (step.isPoison) poisonNumbers.add(count)
              const { accepted } = buffer.set({ key: step.key, numbers: [count] })
              expect(dropped.includes(count)).toBe(!accepted)
              if (accepted) expect(buffer.get(step.key)?.numbers.at(-1)).toBe(count)
            } else {
              const before = count
              const barrier = buffer.flush({ timeoutMs: step.timeoutMs }).then(
                () => {
                  for (let number = 1; number <= before; number++) expect(isSettled(number)).toBe(true)
                },
                (error) => expect(error.name).toBe('FlushTimeoutError'),
              )
              barriers.push(barrier)
            }
            expect(buffer.size).toBeLessThanOrEqual(capacity)
            expect(buffer.size).toBe(keys.filter((key) => buffer.get(key) !== undefined).length)
            // Whatever is held will be tried.
            expect(buffer.size === 0 || clock.pending > 0).toBe(true)
          }
          const closing = buffer.close({ timeoutMs: 100 })
          await clock.advance(2_000)
          await Promise.all([closing, ...barriers])

          expect(buffer.size).toBe(0)
          expect(clock.pending).toBe(0)
          const numbers = [...stored.values()].flat()
          for (const ofKey of stored.values()) expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b))
          expect(new Set(numbers).size).toBe(numbers.length)
          expect(new Set(dropped).size).toBe(dropped.length)
          for (let number = 1; number <= count; number++) expect(isSettled(number), `${number}`).toBe(true)
          for (const number of dropped) expect(numbers).not.toContain(number)
        },
      ),
      { numRuns: 300 },
    )
  })
})

interface Line {
  readonly id: number
  readonly isPoison: boolean
}

describe('AppendQueue against a model', () => {
  test('every row is stored once, in order, or told as dropped or rejected; never more than capacity', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(false),
        fates,
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom<Overflow[]>('drop-newest', 'drop-oldest', 'reject', 'wait'),
        async (program, fateOf, capacity, overflow) => {
          const clock = testClock()
          const stored: number[] = []
          const dropped: number[] = []
          const rejected: number[] = []
          const barriers: Promise<void>[] = []
          const pushes: Promise<void>[] = []
          const store = slowStore<Line>(
            clock,
            fateOf,
            ({ isPoison }) => isPoison,
            ({ id }) => stored.push(id),
          )
          const queue = new AppendQueue<Line, PushResult | Promise<PushResult>>(
            {
              table: 'line',
              overflow,
              capacity,
              maxBatch: 4,
              intervalMs: 20,
              onDrop: ({ value }) => dropped.push(value.id),
            },
            { clock, lockTimeoutMs: 1_000 },
            store,
          )
          let count = 0
          for (const step of program) {
            if (step.do === 'wait') await clock.advance(step.ms)
            else if (step.do === 'put') {
              const id = ++count
              const pushed = queue.push({ id, isPoison: step.isPoison }, { timeoutMs: 50 })
              const note = ({ accepted }: { accepted: boolean }): void => {
                if (!accepted && !dropped.includes(id)) rejected.push(id)
              }
              if (pushed instanceof Promise) pushes.push(pushed.then(note))
              else note(pushed)
            } else if (step.do === 'flush' && overflow !== 'wait') {
              const before = count
              const barrier = queue.flush({ timeoutMs: step.timeoutMs }).then(
                () => {
                  const settled = new Set([...stored, ...dropped, ...rejected])
                  for (let id = 1; id <= before; id++) expect(settled.has(id)).toBe(true)
                },
                (error) => expect(error.name).toBe('FlushTimeoutError'),
              )
              barriers.push(barrier)
            }
            expect(queue.size).toBeLessThanOrEqual(capacity)
            expect(queue.size === 0 || clock.pending > 0).toBe(true)
          }
          const closing = queue.close({ timeoutMs: 100 })
          await clock.advance(2_000)
          await Promise.all([closing, ...barriers, ...pushes])

          expect([queue.size, queue.stats().waiting, clock.pending]).toEqual([0, 0, 0])
          expect(stored).toEqual([...stored].sort((a, b) => a - b))
          const all = [...stored, ...dropped, ...rejected].sort((a, b) => a - b)
          expect(all).toEqual(Array.from({ length: count }, (_, index) => index + 1))
          const stats = queue.stats()
          expect([stats.flushed, stats.dropped, stats.rejected]).toEqual([
            stored.length,
            dropped.length,
            rejected.length,
          ])
        },
      ),
      { numRuns: 300 },
    )
  })
})
