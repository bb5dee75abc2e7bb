/**
 * Write-behind for what changes often and of which only the latest counts, such as presence: a value per key, one
 * statement per tick (contract C12).
 *
 * @module
 */
import type { CoalesceOptions, CoalesceStats } from './coalesce-options.ts'
import { type FlushHost, FlushLoop, type FlushOptions, type FlushOutcome } from './flush-loop.ts'
import type { Lane } from './lanes.ts'
import { type LatestEntry, LatestValues } from './latest-values.ts'
import { writeIsolating } from './poison.ts'
import {
  type BufferHost,
  checkCount,
  type DropReason,
  type PushResult,
  report,
  type WriteBehind,
} from './write-behind.ts'

/** Holds the latest value of each key until it is written. */
export class CoalescingBuffer<Key, Value> implements WriteBehind, AsyncDisposable {
  readonly holds = 'values'
  readonly lockTimeoutMs: number
  readonly #options: CoalesceOptions<Key, Value>
  readonly #maxPending: number
  readonly #capacity: number
  readonly #lane: Lane
  readonly #loop: FlushLoop
  readonly #onClose: BufferHost['onClose']
  readonly #values: LatestValues<Key, Value>
  #sequence = 0
  #isStopped = false
  #closing: Promise<number> | undefined
  #flushed = 0
  #dropped = 0
  #failures = 0
  #flushes = 0

  /** Use `storage.coalesce()`. */
  constructor(options: CoalesceOptions<Key, Value>, host: BufferHost) {
    this.#options = options
    this.#values = new LatestValues(options.merge ?? ((_older, newer) => newer))
    this.#maxPending = checkCount('maxPending', options.maxPending ?? 1_000, 1)
    this.#capacity = checkCount('capacity', options.capacity ?? 100_000, 1)
    this.#lane = options.lane ?? 'background'
    this.lockTimeoutMs = host.lockTimeoutMs
    this.#onClose = host.onClose
    const intervalMs = checkCount('intervalMs', options.intervalMs ?? 1_000, 1)
    this.#loop = new FlushLoop(this.#loopHost(), options.clock ?? host.clock, intervalMs, host.context)
  }

  /** Keys that are not written yet, those being flushed included. */
  get size(): number {
    return this.#values.size
  }

  /** Takes a value in, merged with the one that waits under its key. Never touches the database. */
  set(value: Value): PushResult {
    const key = this.#options.key(value)
    if (this.#isStopped) return this.#refuse(value, 'closed')
    if (!this.#values.has(key) && this.size >= this.#capacity && !this.#dropOldest()) {
      return this.#refuse(value, 'full')
    }
    this.#values.set(key, value, this.#sequence + 1)
    this.#sequence++
    this.#loop.touch()
    return accepted
  }

  /** The value of a key that is not written yet. */
  get(key: Key): Value | undefined {
    return this.#values.get(key)
  }

  /** Forgets a key. Of a value that is being flushed at this moment, only a second try is prevented. */
  delete(key: Key): boolean {
    const wasHeld = this.#values.delete(key)
    this.#loop.settle()
    return wasHeld
  }

  /**
   * Flushes now. Resolves once everything that was set before the call is committed, or reported as dropped.
   *
   * @throws {FlushTimeoutError} If that took longer than `timeoutMs`; nothing is lost, the buffer goes on.
   */
  flush(options?: FlushOptions): Promise<void> {
    return this.#loop.flush(options)
  }

  stats(): CoalesceStats {
    return {
      pending: this.size,
      flushed: this.#flushed,
      dropped: this.#dropped,
      failures: this.#failures,
      flushes: this.#flushes,
    }
  }

  /** Takes nothing in from now on. */
  stop(): void {
    this.#isStopped = true
  }

  /** What {@linkcode CoalescingBuffer.close} does, answering how many values were not written. */
  drain(timeoutMs: number): Promise<number> {
    this.#closing ??= this.#drain(timeoutMs)
    return this.#closing
  }

  /**
   * Takes nothing in any more, and flushes what it holds within `timeoutMs`. The rest is dropped, reported and counted.
   *
   * @param options `timeoutMs` is by default as long as one flush may wait for the lock, and a second.
   */
  async close({ timeoutMs = this.lockTimeoutMs + 1_000 }: { readonly timeoutMs?: number } = {}): Promise<{
    readonly unflushedValues: number
  }> {
    return { unflushedValues: await this.drain(timeoutMs) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #drain(timeoutMs: number): Promise<number> {
    this.stop()
    await this.#loop.drain(timeoutMs)
    this.#turnBack()
    const unflushed = this.#values.takeOff()
    for (const { key, value } of unflushed) {
      this.#values.land(key)
      this.#drop(value, 'closed')
    }
    this.#onClose?.(this)
    return unflushed.length
  }

  #loopHost(): FlushHost {
    const buffer = this
    return {
      get newest() {
        return buffer.#sequence
      },
      get oldest() {
        return buffer.#values.oldest
      },
      get isDue() {
        return buffer.#values.waiting >= buffer.#maxPending
      },
      get size() {
        return buffer.size
      },
      run: (signal) => this.#run(signal),
    }
  }

  async #run(signal: AbortSignal): Promise<FlushOutcome> {
    const entries = this.#values.takeOff()
    const { poison, failure } = await writeIsolating(entries, (part) => this.#write(part, signal))
    for (const { item, error } of poison)
      if (this.#values.land(item.key)) this.#drop(item.value, 'poison', error)
    this.#turnBack()
    if (failure === undefined) return 'settled'
    this.#failures++
    report(this.#options.onError, failure.error)
    return failure.fault === 'passing' ? 'kept' : 'broken'
  }

  async #write(part: readonly LatestEntry<Key, Value>[], signal: AbortSignal): Promise<void> {
    // Some may have been deleted since the flush began, or the buffer been closed.
    const entries = part.filter(({ key }) => this.#values.isInFlight(key))
    if (entries.length === 0) return
    const values = entries.map(({ value }) => value)
    await this.#options.flush(values, { lane: this.#lane, lockTimeoutMs: this.lockTimeoutMs, signal })
    for (const { key } of entries) this.#values.land(key)
    this.#flushed += entries.length
    this.#flushes++
  }

  #turnBack(): void {
    this.#values.turnBack((older, error) => this.#drop(older, 'poison', error))
  }

  #dropOldest(): boolean {
    if (this.#options.overflow !== 'drop-oldest') return false
    const oldest = this.#values.shift()
    if (oldest === undefined) return false
    this.#drop(oldest.value, 'full')
    return true
  }

  #refuse(value: Value, reason: 'full' | 'closed'): PushResult {
    this.#drop(value, reason)
    return { accepted: false, reason }
  }

  #drop(value: Value, reason: DropReason, error?: unknown): void {
    this.#dropped++
    report(this.#options.onDrop, error === undefined ? { value, reason } : { value, reason, error })
  }
}

const accepted: PushResult = { accepted: true }
