/**
 * What the kinds of write-behind buffers have in common from their first value to their close (contracts C12 and C15): a
 * flush writes what was taken off, isolates poison and keeps what failed; at close the rest is dropped, and everything
 * that is lost is counted and reported. How they take values in is their own.
 *
 * @module
 */
import type { CoalesceStats, FlushContext } from './coalesce-options.ts'
import { FlushKeys } from './flush-keys.ts'
import { type FlushHost, FlushLoop, type FlushOptions, type FlushOutcome } from './flush-loop.ts'
import type { Lane } from './lanes.ts'
import type { Clock } from './lock-wait.ts'
import { writeIsolating } from './poison.ts'
import {
  type BufferHost,
  type BufferReports,
  type DropReason,
  report,
  type WriteBehind,
} from './write-behind.ts'

/** The data of a buffer: entries that wait, and those that a flush has in its hands. */
export interface HeldEntries<Entry> {
  readonly size: number
  /** Entries that wait for a flush. */
  readonly waiting: number
  /** The number of the oldest value that is held; Infinity if there is none. */
  readonly oldest: number
  /** Hands entries to a flush: all, or at most `count` where rows go in batches. */
  takeOff(count: number): Entry[]
  isInFlight(entry: Entry): boolean
  /** It is committed or given up. Answers whether it was still wanted. */
  land(entry: Entry): boolean
  /** Takes back what a flush did not write. */
  turnBack(): void
}

/** In what one buffer differs from another. */
export interface BufferPlan<Value, Entry extends { readonly value: Value }> {
  readonly held: HeldEntries<Entry>
  /** Writes all of these entries, or none. */
  readonly write: (entries: readonly Entry[], context: FlushContext) => Promise<unknown>
  /** Called after each flush, when there may be room again. */
  readonly onRoom?: () => void
  /** So many entries are written without waiting for the interval. */
  readonly maxWaiting: number
  /** The number of an entry that never changes; missing where a later value can be merged into an entry. */
  readonly numberOf?: (entry: Entry) => number
  readonly intervalMs: number
  readonly options: BufferReports<Value> & { readonly lane?: Lane; readonly clock?: Clock }
}

/** Runs one buffer. */
export class BufferLife<Value, Entry extends { readonly value: Value }> implements FlushHost {
  readonly #buffer: WriteBehind
  readonly #plan: BufferPlan<Value, Entry>
  readonly #lane: Lane
  readonly #onClose: BufferHost['onClose']
  readonly #loop: FlushLoop
  readonly #keys: FlushKeys<Entry> | undefined
  readonly #droppedBy: Record<DropReason, number> = { full: 0, poison: 0, closed: 0, 'no-key': 0 }
  #newest = 0
  #isStopped = false
  #closing: Promise<number> | undefined
  #flushed = 0
  #failures = 0
  #flushes = 0

  constructor(buffer: WriteBehind, plan: BufferPlan<Value, Entry>, host: BufferHost) {
    this.#buffer = buffer
    this.#plan = plan
    this.#lane = plan.options.lane ?? 'background'
    this.#onClose = host.onClose
    this.#keys = host.newKey && new FlushKeys<Entry>(host.newKey, plan.numberOf)
    this.#loop = new FlushLoop(this, plan.options.clock ?? host.clock, plan.intervalMs, host.context)
  }

  get newest(): number {
    return this.#newest
  }

  get oldest(): number {
    return this.#plan.held.oldest
  }

  get isDue(): boolean {
    return this.#plan.held.waiting >= this.#plan.maxWaiting
  }

  get size(): number {
    return this.#plan.held.size
  }

  /** Whether nothing is taken in any more. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  get droppedBy(): Readonly<Record<DropReason, number>> {
    return { ...this.#droppedBy }
  }

  stats(): CoalesceStats {
    return {
      pending: this.size,
      flushed: this.#flushed,
      dropped: Object.values(this.#droppedBy).reduce((sum, count) => sum + count, 0),
      failures: this.#failures,
      flushes: this.#flushes,
    }
  }

  /** A value was put in, under the number after `newest`. */
  tookIn(): void {
    this.#newest++
    this.#loop.touch()
  }

  /** Something may have left without a flush. */
  settle(): void {
    this.#loop.settle()
  }

  /** Resolves once everything that was taken in before the call is written, or reported as dropped. */
  flush(options?: FlushOptions): Promise<void> {
    return this.#loop.flush(options)
  }

  /** Counts and reports a value that will not be written. */
  drop(value: Value, reason: DropReason, error?: unknown): void {
    this.#droppedBy[reason]++
    const { onDrop } = this.#plan.options
    report(onDrop, error === undefined ? { value, reason } : { value, reason, error })
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Stops the buffer, writes what it holds within `timeoutMs`, drops the rest, and answers how many those are. */
  drain(timeoutMs: number): Promise<number> {
    this.#closing ??= this.#drain(timeoutMs)
    return this.#closing
  }

  async run(signal: AbortSignal): Promise<FlushOutcome> {
    const { held, maxWaiting, onRoom, options } = this.#plan
    const entries = held.takeOff(this.#keys?.countOf(maxWaiting, held.oldest) ?? maxWaiting)
    const { poison, failure } = await writeIsolating(entries, (part) => this.#write(part, signal))
    for (const { item, error } of poison) if (held.land(item)) this.drop(item.value, 'poison', error)
    held.turnBack()
    onRoom?.()
    if (failure === undefined) return 'settled'
    this.#failures++
    report(options.onError, failure.error)
    return failure.fault === 'passing' ? 'kept' : 'broken'
  }

  async #write(part: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { held, write } = this.#plan
    // Some may have been deleted since the flush began, or the buffer been closed.
    const entries = part.filter((entry) => held.isInFlight(entry))
    if (entries.length === 0) return
    signal.throwIfAborted()
    const context = { lane: this.#lane, lockTimeoutMs: this.#buffer.lockTimeoutMs, signal }
    const key = this.#keys?.keyOf(entries)
    try {
      await write(entries, { ...context, ...(key !== undefined && { idempotencyKey: key }) })
      this.#keys?.noteEnd(entries)
    } catch (error) {
      this.#keys?.noteEnd(entries, error)
      throw error
    }
    for (const entry of entries) held.land(entry)
    this.#flushed += entries.length
    this.#flushes++
  }

  async #drain(timeoutMs: number): Promise<number> {
    this.#buffer.stop()
    await this.#loop.drain(timeoutMs)
    const { held } = this.#plan
    held.turnBack()
    const unwritten = held.takeOff(Number.POSITIVE_INFINITY)
    for (const entry of unwritten) {
      held.land(entry)
      this.drop(entry.value, 'closed')
    }
    this.#onClose?.(this.#buffer)
    return unwritten.length
  }
}
