/**
 * The end of a buffer, the same for both kinds: closed once, however often it is asked for, and its storage told once.
 *
 * @module
 */
import { ConstraintError, FlushTimeoutError, SqliteError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import { AppendQueue } from '../../src/append-queue.ts'
import type { BufferHost, BufferReports, WriteBehind } from '../../src/buffers/write-behind.ts'
import { CoalescingBuffer } from '../../src/coalescing-buffer.ts'
import { rejection } from '../contract/note.ts'
import { until } from '../contract/together.ts'
import { loadFlushCode } from './flush-code.ts'

loadFlushCode()

type Write = (values: readonly { readonly id: number }[], signal: AbortSignal) => Promise<number>
type Reports = BufferReports<{ readonly id: number }>

/** A buffer that holds two values. */
const kinds: Readonly<Record<string, (host: BufferHost, write: Write, reports?: Reports) => WriteBehind>> = {
  AppendQueue(host, write, reports) {
    const queue = new AppendQueue<{ readonly id: number }>(
      { table: 't', ...reports },
      host,
      (rows, { signal }) => write(rows, signal),
    )
    for (const id of [1, 2]) queue.push({ id })
    return queue
  },
  CoalescingBuffer(host, write, reports) {
    const buffer = new CoalescingBuffer<number, { readonly id: number }>(
      { key: ({ id }) => id, flush: (values, { signal }) => write(values, signal), ...reports },
      host,
    )
    for (const id of [1, 2]) buffer.set({ id })
    return buffer
  },
}

describe.each(Object.entries(kinds))('the end of a %s', (_kind, create) => {
  it('comes once: a second drain() answers what the first one does, and the storage is told once', async () => {
    const clock = testClock()
    const closed: WriteBehind[] = []
    const host = { clock, lockTimeoutMs: 60_000, onClose: (buffer: WriteBehind) => closed.push(buffer) }
    const buffer = create(host, () => new Promise(() => {}))

    const drains = Promise.all([buffer.drain(100), buffer.drain(100)])
    await clock.advance(2_000)

    expect(await drains).toEqual([2, 2])
    expect(await buffer.drain(100)).toBe(2)
    expect(closed).toEqual([buffer])
  })

  it.each([
    ['its time is over', () => new Promise<never>(() => {})],
    ['another try would be the same', () => Promise.reject(new SqliteError('no such table: t', 1))],
  ])('ends who waits for a flush with what ended it, when %s', async (_why, write) => {
    const clock = testClock()
    const buffer = create({ clock, lockTimeoutMs: 60_000 }, write)

    const flushed = rejection(buffer.flush())
    const drained = buffer.drain(100)
    await until(() => clock.pending > 0)
    await clock.advance(2_000)

    expect(await drained).toBe(2)
    const { message } = await flushed
    expect(message).toBe('Cannot flush as the buffer is closed: 2 are not written yet')
  })

  it('starts no write after its time is over, not even for the other half of what failed', async () => {
    const clock = testClock()
    const parts: number[] = []
    const errors: unknown[] = []
    const refusals: ((error: unknown) => void)[] = []
    const write: Write = (values) => {
      parts.push(values.length)
      return new Promise((_, reject) => refusals.push(reject))
    }
    const buffer = create({ clock, lockTimeoutMs: 60_000 }, write, { onError: (error) => errors.push(error) })

    const drained = buffer.drain(100)
    await until(() => clock.pending > 0)
    await clock.advance(500)
    refusals[0]?.(new ConstraintError('CHECK constraint failed', 275))
    await clock.advance(2_000)

    expect(await drained).toBe(2)
    expect(parts).toEqual([2])
    expect(errors).toEqual([expect.any(FlushTimeoutError)])
  })
})
