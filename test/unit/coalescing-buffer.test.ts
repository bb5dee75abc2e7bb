/**
 * `CoalescingBuffer` in time: what is set before, during and after flushes that commit and flushes that fail.
 *
 * @module
 */
import { ConstraintError, FlushTimeoutError, LockTimeoutError, SqliteError } from 'unbusy'
import { type TestClock, testClock } from 'unbusy/testing'
import { describe, expect, test } from 'vitest'
import type { CoalesceOptions } from '../../src/buffers/coalesce-options.ts'
import type { Drop } from '../../src/buffers/write-behind.ts'
import { CoalescingBuffer } from '../../src/coalescing-buffer.ts'
import { loadFlushCode } from './flush-code.ts'

loadFlushCode()

interface Seen {
  readonly id: string
  readonly at: number
}

/** One call of `flush`, which the test lets go. */
interface Call {
  readonly values: readonly Seen[]
  readonly signal: AbortSignal
  readonly commit: () => void
  readonly fail: (error: unknown) => void
}

interface Bench {
  readonly buffer: CoalescingBuffer<string, Seen>
  readonly clock: TestClock
  readonly calls: Call[]
  readonly drops: Drop<Seen>[]
  readonly errors: unknown[]
}

function bench(options: Partial<CoalesceOptions<string, Seen>> = {}): Bench {
  const clock = testClock()
  const calls: Call[] = []
  const drops: Drop<Seen>[] = []
  const errors: unknown[] = []
  const buffer = new CoalescingBuffer<string, Seen>(
    {
      key: ({ id }) => id,
      merge: (older, newer) => (newer.at >= older.at ? newer : older),
      flush: (values, { signal }) =>
        new Promise<void>((commit, fail) => calls.push({ values, signal, commit, fail })),
      onDrop: (drop) => drops.push(drop),
      onError: (error) => errors.push(error),
      ...options,
    },
    { clock, lockTimeoutMs: 60_000 },
  )
  return { buffer, clock, calls, drops, errors }
}

const locked = new LockTimeoutError('The database stayed locked', { waitedMs: 60_000, attempts: 9 })
const refused = new ConstraintError('CHECK constraint failed', 275)

/** Lets what was resolved go on; no time passes. */
function settle(clock: TestClock): Promise<void> {
  return clock.advance(0)
}

async function stateOf(promise: Promise<unknown>): Promise<string> {
  const pending = Symbol()
  const winner = await Promise.race([
    promise.then(
      () => 'resolved',
      () => 'rejected',
    ),
    Promise.resolve(pending),
  ])
  return winner === pending ? 'pending' : String(winner)
}

describe('CoalescingBuffer flushes', () => {
  test('one at a time, also when the flush itself sets a value and waits for a barrier', async () => {
    const inner: Promise<void>[] = []
    const calls: Call[] = []
    const { buffer, clock } = bench({
      flush: (values, { signal }) => {
        if (calls.length === 0) {
          buffer.set({ id: 'b', at: 2 })
          inner.push(buffer.flush())
        }
        return new Promise<void>((commit, fail) => calls.push({ values, signal, commit, fail }))
      },
    })
    buffer.set({ id: 'a', at: 1 })
    const outer = buffer.flush()
    await clock.advance(2_000)

    calls[0]?.fail(locked)
    await clock.advance(2_000)
    expect(await stateOf(outer)).toBe('pending')
    calls[1]?.commit()
    await settle(clock)
    await Promise.all([outer, ...inner])

    expect(calls.map(({ values }) => values.map(({ id }) => id))).toEqual([['a'], ['a', 'b']])
    expect(buffer.stats()).toMatchObject({ pending: 0, flushed: 2, dropped: 0, failures: 1 })
  })

  test('once per interval, with one call, the latest value of each key', async () => {
    const { buffer, clock, calls } = bench()
    for (let at = 1; at <= 3; at++) for (const id of ['a', 'b']) buffer.set({ id, at })

    await clock.advance(999)
    expect(calls).toHaveLength(0)
    await clock.advance(1)

    expect(calls.map(({ values }) => values)).toEqual([
      [
        { id: 'a', at: 3 },
        { id: 'b', at: 3 },
      ],
    ])
    expect(buffer.stats()).toMatchObject({ pending: 2, flushed: 0, flushes: 0 })
    calls[0]?.commit()
    await settle(clock)
    expect(buffer.stats()).toEqual({ pending: 0, flushed: 2, dropped: 0, failures: 0, flushes: 1 })
  })

  test('at maxPending keys, and never in the call of set()', async () => {
    const { buffer, clock, calls } = bench({ maxPending: 2 })
    buffer.set({ id: 'a', at: 1 })
    await settle(clock)
    expect(calls).toHaveLength(0)

    buffer.set({ id: 'b', at: 1 })
    expect(calls).toHaveLength(0)
    await settle(clock)
    expect(calls).toHaveLength(1)
  })

  test('one at a time, however long one takes and however much comes', async () => {
    const { buffer, clock, calls } = bench({ maxPending: 1 })
    buffer.set({ id: 'a', at: 1 })
    await settle(clock)
    for (let at = 2; at < 50; at++) buffer.set({ id: `${at}`, at })
    const barrier = buffer.flush()
    await clock.advance(5_000)
    expect(calls).toHaveLength(1)

    calls[0]?.commit()
    await settle(clock)
    expect(calls).toHaveLength(2)
    calls[1]?.commit()
    await barrier
  })

  test('with timers only while something is pending', async () => {
    const { buffer, clock, calls } = bench()
    expect(clock.pending).toBe(0)
    buffer.set({ id: 'a', at: 1 })
    expect(clock.pending).toBe(1)
    const barrier = buffer.flush()
    await settle(clock)
    calls[0]?.commit()
    await barrier
    expect(clock.pending).toBe(0)

    buffer.set({ id: 'a', at: 2 })
    buffer.delete('a')
    expect(clock.pending).toBe(0)
    await buffer.close()
    expect(clock.pending).toBe(0)
  })
})

describe('CoalescingBuffer keeps', () => {
  test('a value that is set during a flush for the next one', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    expect(buffer.get('a')).toEqual({ id: 'a', at: 2 })
    calls[0]?.commit()
    await settle(clock)

    expect(buffer.get('a')).toEqual({ id: 'a', at: 2 })
    await clock.advance(1_000)
    expect(calls[1]?.values).toEqual([{ id: 'a', at: 2 }])
  })

  test('everything of a failed flush, once, and merges in what came since, the older one first', async () => {
    const merged: string[] = []
    const { buffer, clock, calls, errors } = bench({
      merge: (older, newer) => {
        merged.push(`${older.at}<${newer.at}`)
        return newer
      },
    })
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    buffer.set({ id: 'c', at: 2 })
    calls[0]?.fail(locked)
    await settle(clock)

    expect(errors).toEqual([locked])
    expect(merged).toEqual(['1<2'])
    expect(buffer.stats()).toMatchObject({ pending: 3, flushed: 0, dropped: 0, failures: 1 })
    expect(calls).toHaveLength(1)
    await clock.advance(1_000)
    expect(calls[1]?.values).toEqual([
      { id: 'a', at: 2 },
      { id: 'b', at: 1 },
      { id: 'c', at: 2 },
    ])
  })

  test('a full buffer from writing without a pause while flushes fail', async () => {
    const { buffer, clock, calls } = bench({ maxPending: 1 })
    buffer.set({ id: 'a', at: 1 })
    await settle(clock)
    calls[0]?.fail(locked)
    await settle(clock)
    buffer.set({ id: 'b', at: 1 })
    await clock.advance(999)
    expect(calls).toHaveLength(1)
    await clock.advance(1)
    expect(calls).toHaveLength(2)
  })

  test('a deleted key deleted, also when the flush that has it fails', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    await clock.advance(1_000)
    expect(buffer.delete('a')).toBe(true)
    expect(buffer.delete('a')).toBe(false)
    calls[0]?.fail(locked)
    await clock.advance(1_000)
    expect(calls[1]?.values).toEqual([{ id: 'b', at: 1 }])
  })

  test('a key that is deleted out of the part of a flush that is still to be written', async () => {
    const { buffer, clock, calls } = bench()
    for (const id of ['a', 'b', 'c', 'd']) buffer.set({ id, at: 1 })
    await clock.advance(1_000)
    calls[0]?.fail(refused)
    await settle(clock)
    buffer.delete('d')
    calls[1]?.commit()
    await settle(clock)
    expect(calls.map(({ values }) => values.map(({ id }) => id).join(''))).toEqual(['abcd', 'ab', 'c'])
  })

  test('the newer value when merge() throws on the one of a failed flush', async () => {
    const { buffer, clock, calls, drops } = bench({
      merge: () => {
        throw new Error('merge')
      },
    })
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    calls[0]?.fail(locked)
    await clock.advance(1_000)
    expect(drops).toMatchObject([{ value: { id: 'a', at: 1 }, reason: 'poison' }])
    expect(calls[1]?.values).toEqual([{ id: 'a', at: 2 }])
  })
})

describe('CoalescingBuffer.flush()', () => {
  test('resolves after a flush that began after the call, not with the one that is on', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'b', at: 1 })
    const barrier = buffer.flush()
    calls[0]?.commit()
    await settle(clock)
    expect(await stateOf(barrier)).toBe('pending')
    calls[1]?.commit()
    await barrier
  })

  test('waits for what a failed flush kept, also when that was merged with something newer', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    const barrier = buffer.flush()
    await settle(clock)
    buffer.set({ id: 'a', at: 2 })
    calls[0]?.fail(locked)
    await settle(clock)
    expect(await stateOf(barrier)).toBe('pending')
    await clock.advance(1_000)
    calls[1]?.commit()
    await barrier
  })

  test('does not wait for what is set after it', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    const barrier = buffer.flush()
    await settle(clock)
    buffer.set({ id: 'a', at: 2 })
    buffer.set({ id: 'b', at: 2 })
    calls[0]?.commit()
    await barrier
    expect(buffer.size).toBe(2)
  })

  test('resolves at once when nothing is pending, and for each of many callers', async () => {
    const { buffer, clock, calls } = bench()
    await buffer.flush()
    buffer.set({ id: 'a', at: 1 })
    const barriers = [buffer.flush(), buffer.flush(), buffer.flush()]
    await settle(clock)
    expect(calls).toHaveLength(1)
    calls[0]?.commit()
    await Promise.all(barriers)
  })

  test('goes on through failures until its bound, then rejects, and nothing is lost', async () => {
    const { buffer, clock, calls } = bench({ intervalMs: 400 })
    buffer.set({ id: 'a', at: 1 })
    const rejected = expect(buffer.flush({ timeoutMs: 1_000 })).rejects.toThrow(FlushTimeoutError)
    await settle(clock)
    calls[0]?.fail(locked)
    await clock.advance(999)
    expect(calls).toHaveLength(2)
    await clock.advance(1)
    await rejected
    expect(buffer.size).toBe(1)

    calls[1]?.commit()
    await settle(clock)
    expect(buffer.size).toBe(0)
  })

  test('ends with its signal', async () => {
    const { buffer, clock } = bench()
    const controller = new AbortController()
    buffer.set({ id: 'a', at: 1 })
    const barrier = buffer.flush({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(barrier).rejects.toThrow('enough')
    await expect(buffer.flush({ signal: controller.signal })).rejects.toThrow('enough')
    // The flush itself is not taken back.
    expect(clock.pending).toBe(1)
  })

  test('resolves when what it waits for is deleted', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    calls[0]?.fail(locked)
    await settle(clock)
    const barrier = buffer.flush()
    buffer.delete('a')
    await barrier
    expect(clock.pending).toBe(0)
  })
})

describe('CoalescingBuffer isolates', () => {
  /** Fails with `error` whenever one of `bad` is in the company. */
  function refusing(bad: readonly string[], error: () => unknown, written: string[], calls: string[][]) {
    return async (values: readonly Seen[]): Promise<void> => {
      calls.push(values.map(({ id }) => id))
      if (values.some(({ id }) => bad.includes(id))) throw error()
      written.push(...values.map(({ id }) => id))
    }
  }
  const ids = [...'abcdefgh']

  test('a poison value: it is reported once, the others commit once, in order', async () => {
    const written: string[] = []
    const calls: string[][] = []
    const { buffer, drops, clock } = bench({ flush: refusing(['c', 'h'], () => refused, written, calls) })
    for (const id of ids) buffer.set({ id, at: 1 })
    const barrier = buffer.flush()
    await settle(clock)
    await barrier

    expect(written.join('')).toBe('abdefg')
    expect(drops).toEqual([
      { value: { id: 'c', at: 1 }, reason: 'poison', error: refused },
      { value: { id: 'h', at: 1 }, reason: 'poison', error: refused },
    ])
    expect(buffer.stats()).toMatchObject({ pending: 0, flushed: 6, dropped: 2, failures: 0 })
    expect(clock.pending).toBe(0)
  })

  test('nothing for an error that passes: one call, everything kept', async () => {
    const full = new SqliteError('database or disk is full', 13)
    for (const error of [
      locked,
      full,
      new SqliteError('disk I/O error', 10),
      new DOMException('', 'AbortError'),
    ]) {
      const calls: string[][] = []
      const { buffer, drops, clock } = bench({ flush: refusing(['c'], () => error, [], calls) })
      for (const id of ids) buffer.set({ id, at: 1 })
      await clock.advance(1_000)
      expect(calls).toHaveLength(1)
      expect([buffer.size, drops]).toEqual([8, []])
    }
  })

  test('what is left when the lock is lost half-way: the rest is kept, the poison dropped', async () => {
    const written: string[] = []
    let calls = 0
    const { buffer, drops, clock } = bench({
      flush: async (values) => {
        calls++
        if (calls > 5) throw locked
        if (values.some(({ id }) => id === 'a')) throw refused
        written.push(...values.map(({ id }) => id))
      },
    })
    for (const id of ids) buffer.set({ id, at: 1 })
    await clock.advance(1_000)
    expect(written.join('')).toBe('b')
    expect(drops.map(({ value }) => value.id)).toEqual(['a'])
    expect([...'cdefgh'].map((id) => buffer.get(id)?.at)).toEqual([1, 1, 1, 1, 1, 1])
    expect(buffer.size).toBe(6)
  })

  test('a row that SQLite only calls an error, once its neighbours were written; none if none was', async () => {
    const broken = new SqliteError('integer overflow', 1)
    const written: string[] = []
    const { buffer, drops, clock } = bench({ flush: refusing(['c'], () => broken, written, []) })
    buffer.set({ id: 'c', at: 1 })
    await clock.advance(3_000)
    expect([buffer.size, drops, buffer.stats().failures]).toEqual([1, [], 3])

    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    expect([buffer.size, written, drops.length]).toEqual([0, ['a'], 1])
  })

  test('no value of a statement that becomes good half-way: all are written', async () => {
    const noTable = new SqliteError('no such table: t', 1)
    const written: string[] = []
    let calls = 0
    const { buffer, drops, clock } = bench({
      flush: async (values) => {
        if (++calls < 8) throw noTable
        written.push(...values.map(({ id }) => id))
      },
    })
    for (const id of ids) buffer.set({ id, at: 1 })
    await clock.advance(1_000)
    expect([written.sort().join(''), drops, buffer.size]).toEqual(['abcdefgh', [], 0])
  })

  test('a broken statement by few calls: all is kept', async () => {
    const noTable = new SqliteError('no such table: t', 1)
    const calls: string[][] = []
    const many = Array.from({ length: 1_000 }, (_, index) => `${index}`)
    const { buffer, drops, clock } = bench({ flush: refusing(many, () => noTable, [], calls) })
    for (const id of many) buffer.set({ id, at: 1 })
    await settle(clock)
    expect(calls.length).toBeLessThan(40)
    expect([buffer.size, drops]).toEqual([1_000, []])
  })

  test('a poison value, while a newer one of its key survives', async () => {
    const { buffer, clock, calls, drops } = bench()
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    calls[0]?.fail(refused)
    await clock.advance(1_000)
    expect(drops).toMatchObject([{ value: { id: 'a', at: 1 } }])
    expect(calls[1]?.values).toEqual([{ id: 'a', at: 2 }])
  })
})

describe('CoalescingBuffer at its capacity', () => {
  test('refuses a new key, and takes those that it holds', () => {
    const { buffer, drops } = bench({ capacity: 2 })
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    expect(buffer.set({ id: 'c', at: 1 })).toEqual({ accepted: false, reason: 'full' })
    expect(buffer.set({ id: 'a', at: 2 })).toEqual({ accepted: true })
    expect(drops).toEqual([{ value: { id: 'c', at: 1 }, reason: 'full' }])
    expect(buffer.stats()).toMatchObject({ pending: 2, dropped: 1 })
  })

  test('drops the key that waits longest with drop-oldest, and nothing that is being flushed', async () => {
    const { buffer, clock, calls, drops } = bench({ capacity: 2, overflow: 'drop-oldest' })
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    buffer.set({ id: 'c', at: 1 })
    expect(drops).toEqual([{ value: { id: 'a', at: 1 }, reason: 'full' }])

    await clock.advance(1_000)
    buffer.set({ id: 'b', at: 2 })
    expect(buffer.set({ id: 'd', at: 2 })).toEqual({ accepted: false, reason: 'full' })
    calls[0]?.fail(locked)
    await settle(clock)
    expect([buffer.size, buffer.get('b')?.at, buffer.get('c')?.at]).toEqual([2, 2, 1])
  })

  test('throws on options that cannot be used', () => {
    expect(() => bench({ intervalMs: 0 })).toThrow('intervalMs must be an integer >= 1: current value is 0')
    expect(() => bench({ maxPending: 0 })).toThrow(RangeError)
    expect(() => bench({ capacity: Number.NaN })).toThrow(RangeError)
    expect(() => bench({ capacity: '9' as never })).toThrow(
      'capacity must be an integer >= 1: current value is 9 (string)',
    )
    const unknown = { overflow: 'reject' as 'drop-oldest' }
    expect(() => bench(unknown)).toThrow(
      'overflow must be one of drop-newest, drop-oldest: current value is reject',
    )
  })
})

describe('CoalescingBuffer.close()', () => {
  test('flushes what it holds, newer values included, and refuses what comes after', async () => {
    const { buffer, clock, calls, drops } = bench()
    buffer.set({ id: 'a', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    const closing = buffer.close()
    expect(buffer.set({ id: 'b', at: 1 })).toEqual({ accepted: false, reason: 'closed' })
    calls[0]?.commit()
    await settle(clock)
    calls[1]?.commit()
    expect(await closing).toEqual({ unflushedValues: 0 })
    expect(drops).toEqual([{ value: { id: 'b', at: 1 }, reason: 'closed' }])
    expect(await buffer.close()).toEqual({ unflushedValues: 0 })
    expect(clock.pending).toBe(0)
  })

  test('tries again while its time lasts', async () => {
    const { buffer, clock, calls } = bench({ intervalMs: 60_000 })
    buffer.set({ id: 'a', at: 1 })
    const closing = buffer.close({ timeoutMs: 1_000 })
    await settle(clock)
    calls[0]?.fail(locked)
    await clock.advance(50)
    calls[1]?.commit()
    expect(await closing).toEqual({ unflushedValues: 0 })
  })

  test('ends a flush by its signal when its time is over, and reports what is lost', async () => {
    const { buffer, clock, calls, drops } = bench()
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    const closing = buffer.close({ timeoutMs: 500 })
    await settle(clock)
    expect(calls[0]?.signal.aborted).toBe(false)
    await clock.advance(500)
    expect(calls[0]?.signal.aborted).toBe(true)
    calls[0]?.fail(calls[0].signal.reason)
    await settle(clock)
    expect(await closing).toEqual({ unflushedValues: 2 })
    expect(drops.map(({ reason }) => reason)).toEqual(['closed', 'closed'])
    expect([buffer.size, clock.pending]).toEqual([0, 0])
  })

  test('does not wait for a flush that never ends', async () => {
    const { buffer, clock, calls, drops } = bench()
    buffer.set({ id: 'a', at: 1 })
    buffer.set({ id: 'b', at: 1 })
    await clock.advance(1_000)
    buffer.set({ id: 'a', at: 2 })
    const closing = buffer.close({ timeoutMs: 500 })
    await clock.advance(1_500)
    expect(await closing).toEqual({ unflushedValues: 2 })
    expect(drops).toEqual([
      { value: { id: 'a', at: 2 }, reason: 'closed' },
      { value: { id: 'b', at: 1 }, reason: 'closed' },
    ])

    calls[0]?.fail(refused)
    await settle(clock)
    expect([buffer.size, clock.pending, drops.length, calls.length]).toEqual([0, 0, 2, 1])
  })

  test('gives up at once what another try would not write', async () => {
    const { buffer, clock, calls } = bench()
    buffer.set({ id: 'a', at: 1 })
    const closing = buffer.close()
    await settle(clock)
    calls[0]?.fail(new SqliteError('no such table: t', 1))
    await settle(clock)
    expect(await closing).toEqual({ unflushedValues: 1 })
  })

  test.each<[string, () => void]>([
    [
      'throw',
      () => {
        throw new Error('listener')
      },
    ],
    // Nobody else handles this rejection: left alone, it fails the test run.
    ['reject', async () => Promise.reject(new Error('listener'))],
  ])('lets a listener %s', async (_, onDrop) => {
    const { buffer } = bench({ capacity: 1, onDrop })
    buffer.set({ id: 'a', at: 1 })
    expect(buffer.set({ id: 'b', at: 1 })).toEqual({ accepted: false, reason: 'full' })
    await new Promise((resolve) => setTimeout(resolve))
  })
})
