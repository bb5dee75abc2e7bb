/**
 * `AppendQueue` in time: what its policies do when it is full, and what becomes of rows when writes fail.
 *
 * @module
 */
import { ConstraintError, FlushTimeoutError, LockTimeoutError } from 'unbusy'
import { type TestClock, testClock } from 'unbusy/testing'
import { describe, expect, test, vi } from 'vitest'
import { AppendQueue } from '../../src/append-queue.ts'
import type { AppendOptions } from '../../src/buffers/append-options.ts'
import { Ring } from '../../src/buffers/ring.ts'
import type { Drop, PushResult } from '../../src/buffers/write-behind.ts'
import { loadFlushCode } from './flush-code.ts'

loadFlushCode()

interface Usage {
  readonly id: number | null
  readonly at?: number
}

/** One write, which the test lets go. */
interface Call {
  readonly ids: readonly (number | null)[]
  readonly signal: AbortSignal
  readonly commit: (inserted?: number) => void
  readonly fail: (error: unknown) => void
}

interface Bench<Result> {
  readonly queue: AppendQueue<Usage, Result>
  readonly clock: TestClock
  readonly calls: Call[]
  readonly drops: Drop<Usage>[]
  readonly errors: unknown[]
  /** Pushes rows of these ids. */
  readonly push: (...ids: number[]) => unknown[]
}

function bench<Result = PushResult>(options: Partial<AppendOptions<Usage>> = {}): Bench<Result> {
  const clock = testClock()
  const calls: Call[] = []
  const drops: Drop<Usage>[] = []
  const errors: unknown[] = []
  const queue = new AppendQueue<Usage, Result>(
    {
      table: 'usage',
      onDrop: (drop) => drops.push(drop),
      onError: (error) => errors.push(error),
      ...options,
    },
    { clock, lockTimeoutMs: 60_000 },
    (rows, { signal }) => {
      const ids = rows.map(({ id }) => id)
      return new Promise((resolve, fail) =>
        calls.push({ ids, signal, commit: (inserted = ids.length) => resolve(inserted), fail }),
      )
    },
  )
  return { queue, clock, calls, drops, errors, push: (...ids) => ids.map((id) => queue.push({ id })) }
}

const locked = new LockTimeoutError('The database stayed locked', { waitedMs: 60_000, attempts: 9 })
const refused = new ConstraintError('CHECK constraint failed', 275)
const accepted = { accepted: true }
const full = { accepted: false, reason: 'full' }

describe('AppendQueue writes', () => {
  test('batches in order: at the interval, or at maxBatch rows, never in the call of push()', async () => {
    const { clock, calls, push, queue } = bench({ maxBatch: 3 })
    push(1, 2)
    await clock.advance(99)
    expect(calls).toHaveLength(0)
    push(3, 4)
    expect(calls).toHaveLength(0)
    await clock.advance(0)
    expect(calls.map(({ ids }) => ids)).toEqual([[1, 2, 3]])
    calls[0]?.commit()
    await clock.advance(100)
    expect(calls[1]?.ids).toEqual([4])
    calls[1]?.commit()
    await clock.advance(0)
    expect(queue.stats()).toMatchObject({ pending: 0, flushed: 4, flushes: 2 })
    expect(clock.pending).toBe(0)
  })

  test('a failed batch again, once, before what came since', async () => {
    const { clock, calls, push, errors } = bench()
    push(1, 2)
    await clock.advance(100)
    push(3)
    calls[0]?.fail(locked)
    await clock.advance(100)
    expect(errors).toEqual([locked])
    expect(calls[1]?.ids).toEqual([1, 2, 3])
  })

  test('all but a poison row, which it reports', async () => {
    const { clock, calls, push, drops, queue } = bench()
    push(1, 2)
    await clock.advance(100)
    calls[0]?.fail(refused)
    await clock.advance(0)
    calls[1]?.fail(refused)
    await clock.advance(0)
    calls[2]?.commit()
    await clock.advance(0)
    expect(calls.map(({ ids }) => ids)).toEqual([[1, 2], [1], [2]])
    expect(drops).toEqual([{ value: { id: 1 }, reason: 'poison', error: refused }])
    expect(queue.stats()).toMatchObject({ pending: 0, flushed: 1, dropped: 1, failures: 0 })
  })

  test('the time of push() where a row has none, and counts rows that were stored already', async () => {
    vi.spyOn(Date, 'now').mockReturnValue(7)
    const rows: Usage[] = []
    const clock = testClock()
    const queue = new AppendQueue<Usage>(
      { table: 'usage', timestamp: 'at', idempotencyKey: 'id' },
      { clock, lockTimeoutMs: 1 },
      async (batch) => {
        rows.push(...batch)
        return batch.length - 1
      },
    )
    expect(queue.push({ id: 1 })).toEqual(accepted)
    expect(queue.push({ id: 2, at: 3 })).toEqual(accepted)
    vi.restoreAllMocks()
    await clock.advance(100)
    expect(rows).toEqual([
      { id: 1, at: 7 },
      { id: 2, at: 3 },
    ])
    expect(queue.stats()).toMatchObject({ flushed: 2, duplicates: 1 })
  })

  test('no row without its idempotency key', () => {
    const { queue, drops } = bench({ idempotencyKey: 'id' })
    expect(queue.push({ id: null })).toEqual({ accepted: false, reason: 'no-key' })
    expect(queue.push({ id: 0 })).toEqual(accepted)
    expect(drops).toEqual([{ value: { id: null }, reason: 'no-key' }])
    expect(queue.stats().droppedBy['no-key']).toBe(1)
  })
})

describe('AppendQueue when it is full', () => {
  test('drops the newest row, counts and reports it', () => {
    const { queue, push, drops } = bench({ capacity: 2 })
    expect(push(1, 2, 3)).toEqual([accepted, accepted, full])
    expect(drops).toEqual([{ value: { id: 3 }, reason: 'full' }])
    expect(queue.stats()).toMatchObject({ pending: 2, dropped: 1, rejected: 0 })
  })

  test('drops the oldest row with drop-oldest, but none that is being written', async () => {
    const { push, drops, clock, calls } = bench({ capacity: 3, maxBatch: 2, overflow: 'drop-oldest' })
    push(1, 2)
    await clock.advance(0)
    expect(push(3, 4, 5)).toEqual([accepted, accepted, accepted])
    expect(drops.map(({ value }) => value.id)).toEqual([3, 4])
    calls[0]?.fail(locked)
    await clock.advance(100)
    expect(calls[1]?.ids).toEqual([1, 2])
    calls[1]?.commit()
    await clock.advance(100)
    expect(calls[2]?.ids).toEqual([5])
  })

  test('throws on a policy that there is not', () => {
    const unknown = { overflow: 'block' as 'wait' }
    expect(() => bench(unknown)).toThrow('overflow must be one of drop-newest, drop-oldest, reject, wait')
  })

  test('leaves the row to the caller with reject: it is no loss', () => {
    const { queue, push, drops } = bench({ capacity: 1, overflow: 'reject' })
    expect(push(1, 2)).toEqual([accepted, full])
    expect(drops).toEqual([])
    expect(queue.stats()).toMatchObject({ dropped: 0, rejected: 1 })
  })

  test('waits for room with wait, first come first served', async () => {
    const { queue, push, clock, calls } = bench<Promise<PushResult>>({ capacity: 2, overflow: 'wait' })
    const pushes = push(1, 2, 3, 4, 5)
    expect(await Promise.all(pushes.slice(0, 2))).toEqual([accepted, accepted])
    expect(queue.stats()).toMatchObject({ pending: 2, waiting: 3 })
    await clock.advance(0)
    calls[0]?.commit()
    expect(await Promise.all(pushes.slice(2, 4))).toEqual([accepted, accepted])
    await clock.advance(0)
    expect(calls[1]?.ids).toEqual([3, 4])
    calls[1]?.commit()
    expect(await pushes[4]).toEqual(accepted)
  })

  test('ends a wait by its signal, by its bound, and by close()', async () => {
    const { queue, clock, drops } = bench<Promise<PushResult>>({ capacity: 1, overflow: 'wait' })
    await queue.push({ id: 1 })
    const controller = new AbortController()
    const aborted = queue.push({ id: 2 }, { signal: controller.signal })
    const late = queue.push({ id: 3 }, { timeoutMs: 10 })
    const closed = queue.push({ id: 4 }, { timeoutMs: 1_000 })
    controller.abort(new Error('gone'))
    await expect(aborted).rejects.toThrow('gone')
    await expect(queue.push({ id: 5 }, { signal: controller.signal })).rejects.toThrow('gone')
    await clock.advance(10)
    expect(await late).toEqual(full)

    const closing = queue.close({ timeoutMs: 0 })
    expect(await closed).toEqual({ accepted: false, reason: 'closed' })
    await clock.advance(2_000)
    expect(await closing).toEqual({ unwrittenRows: 1 })
    expect(drops.map(({ value, reason }) => [value.id, reason])).toEqual([
      [4, 'closed'],
      [1, 'closed'],
    ])
    expect([queue.stats().waiting, clock.pending]).toEqual([0, 0])
  })

  test('lets nobody in before those who wait, while a poison row is looked for', async () => {
    const { queue, push, clock, calls } = bench<Promise<PushResult>>({ capacity: 2, overflow: 'wait' })
    const pushes = push(1, 2, 3)
    await clock.advance(0)
    calls[0]?.fail(refused)
    await clock.advance(0)
    calls[1]?.commit()
    await clock.advance(0)
    // There is room by now, but it is the third row's.
    expect(queue.size).toBe(1)
    pushes.push(queue.push({ id: 4 }))
    calls[2]?.fail(refused)
    await clock.advance(100)
    expect(calls[3]?.ids).toEqual([3, 4])
  })

  test('is full again only when it is: a failed batch keeps its room', async () => {
    const { push, clock, calls, queue } = bench({ capacity: 2 })
    push(1, 2)
    await clock.advance(0)
    calls[0]?.fail(locked)
    await clock.advance(0)
    expect(push(3)).toEqual([full])
    await clock.advance(100)
    calls[1]?.commit()
    await clock.advance(0)
    expect(push(4, 5, 6)).toEqual([accepted, accepted, full])
    expect(queue.size).toBe(2)
  })
})

describe('AppendQueue.flush() and close()', () => {
  test('flush() resolves once every row accepted before it is written, over several batches', async () => {
    const { push, queue, clock, calls } = bench({ maxBatch: 2 })
    push(1, 2, 3)
    let isThrough = false
    const barrier = queue.flush().then(() => {
      isThrough = true
    })
    push(4)
    await clock.advance(0)
    calls[0]?.commit()
    await clock.advance(0)
    expect(isThrough).toBe(false)
    calls[1]?.commit()
    await barrier
  })

  test('flush() rejects at its bound and loses nothing', async () => {
    const { push, queue, clock, calls } = bench()
    push(1)
    const rejected = expect(queue.flush({ timeoutMs: 50 })).rejects.toThrow(FlushTimeoutError)
    await clock.advance(50)
    await rejected
    calls[0]?.commit()
    await clock.advance(0)
    expect(queue.size).toBe(0)
  })

  test('close() writes a full queue batch by batch, and takes no row in', async () => {
    const { push, queue, clock, calls } = bench({ capacity: 5, maxBatch: 2 })
    push(1, 2, 3, 4, 5)
    const closing = queue.close()
    expect(queue.push({ id: 6 })).toEqual({ accepted: false, reason: 'closed' })
    for (let index = 0; index < 3; index++) {
      await clock.advance(0)
      calls[index]?.commit()
    }
    await clock.advance(0)
    expect(await closing).toEqual({ unwrittenRows: 0 })
    expect(queue.stats()).toMatchObject({ flushed: 5, dropped: 1 })
  })

  test.each(['drop-oldest', 'wait'] as const)(
    'drops what cannot be read, and only that: %s',
    async (overflow) => {
      const { queue, push, drops } = bench<unknown>({
        ...{ overflow, capacity: 1, idempotencyKey: 'id', timestamp: 'at' },
      })
      const error = new Error('no value')
      const throwing = {
        get id(): number {
          throw error
        },
      }
      push(1)
      for (const row of [null, undefined, throwing])
        expect(await queue.push(row as unknown as Usage)).toEqual({ accepted: false, reason: 'poison' })
      expect(drops.map(({ reason }) => reason)).toEqual(['poison', 'poison', 'poison'])
      expect(drops[2]).toEqual({ value: throwing, reason: 'poison', error })
      expect(queue.stats()).toMatchObject({ pending: 1, dropped: 3, droppedBy: { poison: 3 } })
    },
  )

  test('refuses a bound that is none, and goes on', async () => {
    const { queue, push, drops } = bench<Promise<PushResult>>({ capacity: 1, overflow: 'wait' })
    push(1)
    const none = { timeoutMs: Number.NaN }
    for (const call of [queue.flush(none), queue.close(none), queue.push({ id: 2 }, none)])
      await expect(call).rejects.toThrow(
        'Cannot wait as timeoutMs must be a number >= 0: current value is NaN',
      )
    await expect(queue.flush({ timeoutMs: '5' as never })).rejects.toThrow('current value is 5 (string)')
    expect([queue.size, drops]).toEqual([1, []])
    expect(queue.stats().waiting).toBe(0)
  })

  test('close() ends a batch by its signal when its time is over', async () => {
    const { push, queue, clock, calls, drops } = bench({ maxBatch: 2 })
    push(1, 2, 3)
    const closing = queue.close({ timeoutMs: 500 })
    await clock.advance(500)
    expect(calls[0]?.signal.aborted).toBe(true)
    calls[0]?.fail(calls[0].signal.reason)
    await clock.advance(0)
    expect(await closing).toEqual({ unwrittenRows: 3 })
    expect(drops.map(({ value }) => value.id)).toEqual([1, 2, 3])
    expect(clock.pending).toBe(0)
  })
})

describe('AppendQueue.close() with a batch that never ends', () => {
  test.each([
    [60_000, 500],
    [500, 60_000],
  ])('ends at the earlier bound, of two that are %i and %i ms', async (first, second) => {
    const { push, queue, clock } = bench({ maxBatch: 2 })
    push(1, 2, 3)
    const closing = [queue.close({ timeoutMs: first }), queue.close({ timeoutMs: second })]
    await clock.advance(1_500)
    expect([queue.size, clock.pending]).toEqual([0, 0])
    expect(await Promise.all(closing)).toEqual([{ unwrittenRows: 3 }, { unwrittenRows: 3 }])
  })

  test('reports its rows once, whatever becomes of it', async () => {
    const { push, queue, clock, calls, drops } = bench({ maxBatch: 2 })
    push(1, 2, 3)
    const closing = queue.close({ timeoutMs: 500 })
    await clock.advance(1_500)
    expect(await closing).toEqual({ unwrittenRows: 3 })
    calls[0]?.fail(refused)
    await clock.advance(1_000)
    expect([queue.size, drops.length, calls.length, clock.pending]).toEqual([0, 3, 1, 0])
  })
})

describe('Ring', () => {
  test('is first in, first out over its growth, its turns and what is put back', () => {
    const ring = new Ring<{ n: number }>()
    let next = 0
    let expected = 0
    for (let round = 0; round < 50; round++) {
      for (let count = 0; count < 7 + (round % 5); count++) ring.push({ n: next++ })
      const taken = ring.take(round % 11)
      ring.putBack(taken.slice(1))
      if (taken[0] !== undefined) expect(taken[0].n).toBe(expected++)
      expect(ring.peek()?.n).toBe(expected)
    }
    expect(ring.size).toBe(next - expected)
    for (const { n } of ring.take(10_000)) expect(n).toBe(expected++)
    expect([ring.size, ring.peek(), ring.shift()]).toEqual([0, undefined, undefined])
  })
})
