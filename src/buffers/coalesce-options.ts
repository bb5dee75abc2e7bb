/**
 * How a coalescing buffer is configured, and what it tells of itself.
 *
 * @module
 */
import type { Lane } from '../lanes.ts'
import type { Clock } from '../time/clock.ts'
import type { BufferReports } from './write-behind.ts'

/** How a flush has to write: pass it on as the options of the write. */
export interface FlushContext {
  readonly lane: Lane
  readonly lockTimeoutMs: number
  /** Aborts when the buffer is closed and its time is over. */
  readonly signal: AbortSignal
  /** Where the answer of a write can get lost: has this flush applied once. Of a storage on a server only. */
  readonly idempotencyKey?: string
}

/** Options of `storage.coalesce()`. */
export interface CoalesceOptions<Key, Value> extends BufferReports<Value> {
  /** Which values are of the same thing. */
  readonly key: (value: Value) => Key
  /** Makes one value of two of the same key. @default {the newer one} */
  readonly merge?: (older: Value, newer: Value) => Value
  /**
   * Writes values of different keys, all of them or none: best with one bulk statement. Resolves once they are committed.
   * What it rejects with decides: a value that a constraint refuses, or that cannot be bound, is found by halving and
   * dropped; after any other error everything is kept and flushed again. Where answers can get lost (a server) what was
   * kept may be stored already: set columns to their latest values; what adds up belongs into `storage.append()`.
   */
  readonly flush: (values: readonly Value[], context: FlushContext) => Promise<unknown>
  /** How long a value waits at most before it is flushed, in milliseconds. @default {1_000} */
  readonly intervalMs?: number
  /** So many keys are flushed at once, without waiting for the interval. @default {1_000} */
  readonly maxPending?: number
  /** Keys that are held at most, those being flushed included. Keys that are held can always be set. @default {100_000} */
  readonly capacity?: number
  /** What happens to a new key beyond that: it is refused, or the key that waits longest is dropped. @default {'drop-newest'} */
  readonly overflow?: 'drop-newest' | 'drop-oldest'
  /** @default {'background'} */
  readonly lane?: Lane
  /** How long one flush may wait for the lock, in milliseconds. @default {the lane's} */
  readonly lockTimeoutMs?: number
  /** @default {the storage's} */
  readonly clock?: Clock
}

/** Figures of a coalescing buffer. */
export interface CoalesceStats {
  /** Keys that are not written yet. */
  readonly pending: number
  /** Values that were written. */
  readonly flushed: number
  /** Values that were lost, whatever the reason. */
  readonly dropped: number
  /** Flushes that had to keep something for the next one. */
  readonly failures: number
  /** Calls of `flush` that resolved. */
  readonly flushes: number
}
