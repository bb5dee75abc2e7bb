/**
 * What the two kinds of write-behind buffers have in common (contract C12), and all the buffers of one storage: they are
 * flushed together, and drained before the write queue when the storage closes.
 *
 * @module
 */
import { checkInteger } from '../options/number-checks.ts'
import type { Clock } from '../time/clock.ts'
import type { FlushOptions, FlushSurroundings } from './flush-loop.ts'

/** Why something was not taken in, or was not written. */
export type DropReason =
  /** The buffer was full, and its overflow policy chose this one. */
  | 'full'
  /** It fails alone, while others are written; or it cannot even be read. */
  | 'poison'
  /** The buffer was closed, or closed before this was written. */
  | 'closed'
  /** It has no idempotency key. */
  | 'no-key'

/** Whether a buffer took in what it was given. */
export type PushResult =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly reason: DropReason }

/** Something that will not be written. */
export interface Drop<Value> {
  readonly value: Value
  readonly reason: DropReason
  /** What SQLite said of it, if it was asked. */
  readonly error?: unknown
}

/** Whom a buffer tells. What these functions throw is ignored: it must not reach the request that fills the buffer. */
export interface BufferReports<Value> {
  /** Told of each value that will not be written. */
  readonly onDrop?: (drop: Drop<Value>) => void
  /** Told of each flush that failed; what it did not write is kept for the next one. */
  readonly onError?: (error: unknown) => void
}

/** @throws {RangeError} If the option is not an integer from 1 on. */
export function checkCount(name: string, value: number): number {
  return checkInteger(`Cannot create the buffer as ${name}`, value, 1)
}

/** What the storage gives a buffer. */
export interface BufferHost extends FlushSurroundings {
  readonly clock: Clock
  /** How long one flush may wait for the lock. */
  readonly lockTimeoutMs: number
  /** A name for one flush that no other has; missing where the answer of a write cannot get lost. */
  readonly newKey?: () => string
  /** Called when the buffer is closed by itself. */
  readonly onClose?: (buffer: WriteBehind) => void
}

/** A buffer, as its storage sees it. */
export interface WriteBehind {
  readonly holds: 'values' | 'rows'
  /** What is neither written nor dropped. */
  readonly size: number
  readonly lockTimeoutMs: number
  flush(options?: FlushOptions): Promise<void>
  /** Takes nothing in from now on. */
  stop(): void
  /** Writes what it holds within `timeoutMs`, drops the rest, and answers how many those are. */
  drain(timeoutMs: number): Promise<number>
}

/** What was not written at close. */
export interface UnwrittenReport {
  /** Values of coalescing buffers that were not written because `drainTimeoutMs` was over, or SQLite refused them all. */
  readonly unflushedValues: number
  /** The same of rows in append queues. */
  readonly unwrittenRows: number
}

/** The buffers of one storage. */
export class WriteBehinds {
  readonly #buffers = new Set<WriteBehind>()

  add<Buffer extends WriteBehind>(buffer: Buffer): Buffer {
    this.#buffers.add(buffer)
    return buffer
  }

  readonly remove = (buffer: WriteBehind): void => {
    this.#buffers.delete(buffer)
  }

  /** Whether there is nothing to write. */
  get isEmpty(): boolean {
    for (const { size } of this.#buffers) if (size > 0) return false
    return true
  }

  /** The longest that one of their flushes may wait for the lock. */
  get longestLockTimeoutMs(): number {
    let longestMs = 0
    for (const { lockTimeoutMs } of this.#buffers) longestMs = Math.max(longestMs, lockTimeoutMs)
    return longestMs
  }

  /** Waits for all, also if one fails. */
  async flush(options?: FlushOptions): Promise<void> {
    const flushes = await Promise.allSettled([...this.#buffers].map((buffer) => buffer.flush(options)))
    for (const flush of flushes) if (flush.status === 'rejected') throw flush.reason
  }

  stop(): void {
    for (const buffer of this.#buffers) buffer.stop()
  }

  /** Drains all at once: they share the writer's queue. */
  async drain(timeoutMs: number): Promise<UnwrittenReport> {
    const unwritten = { values: 0, rows: 0 }
    const drainOne = async (buffer: WriteBehind): Promise<void> => {
      const count = await buffer.drain(timeoutMs)
      // Not in one expression with await: it would add to what the sum was before the wait.
      unwritten[buffer.holds] += count
    }
    await Promise.all([...this.#buffers].map(drainOne))
    return { unflushedValues: unwritten.values, unwrittenRows: unwritten.rows }
  }
}
