/**
 * What the kinds of write-behind buffers have in common from their first value to their close (contracts C12 and C15): a
 * flush writes what was taken off, isolates poison and keeps what failed; at close the rest is dropped, and everything
 * that is lost is counted and reported. How they take values in is their own.
 *
 * @module
 */
import { report } from '../events/report.ts'
import { OnDemand } from '../on-demand.ts'
import type { CoalesceStats } from './coalesce-options.ts'
import type { BufferFlush } from './flush.ts'
import {
  checkTimeout,
  type FlushHost,
  FlushLoop,
  type FlushOptions,
  type FlushOutcome,
} from './flush-loop.ts'
import type { BufferPlan, FlushCounts } from './plan.ts'
import type { BufferHost, DropReason, WriteBehind } from './write-behind.ts'

const flushes = new OnDemand(() => import('./flush.ts'))

/** Runs one buffer. */
export class BufferLife<Value, Entry extends { readonly value: Value }> implements FlushHost {
  readonly #buffer: WriteBehind
  readonly #plan: BufferPlan<Value, Entry>
  readonly #host: BufferHost
  readonly #loop: FlushLoop
  readonly #droppedBy: Record<DropReason, number> = { full: 0, poison: 0, closed: 0, 'no-key': 0 }
  readonly #counts: FlushCounts = { flushed: 0, failures: 0, flushes: 0 }
  #flush: BufferFlush<Value, Entry> | undefined
  #newest = 0
  #isStopped = false
  #closing: Promise<number> | undefined

  constructor(buffer: WriteBehind, plan: BufferPlan<Value, Entry>, host: BufferHost) {
    this.#buffer = buffer
    this.#plan = plan
    this.#host = host
    this.#loop = new FlushLoop(this, plan.options.clock ?? host.clock, plan.intervalMs, host)
    // Where it fails, the first flush tries again and reports it.
    if (flushes.loaded === undefined) void flushes.load().catch(() => {})
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
      dropped: Object.values(this.#droppedBy).reduce((sum, count) => sum + count, 0),
      ...this.#counts,
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
    checkTimeout(timeoutMs)
    // A storage that closes meanwhile may have less time than the buffer was given.
    if (this.#closing !== undefined) void this.#loop.drain(timeoutMs)
    this.#closing ??= this.#drain(timeoutMs)
    return this.#closing
  }

  async run(signal: AbortSignal): Promise<FlushOutcome> {
    try {
      const { BufferFlush } = flushes.loaded ?? (await flushes.load())
      this.#flush ??= new BufferFlush(this.#plan, this.#host, this.#counts, (value, error) =>
        this.drop(value, 'poison', error),
      )
    } catch (error) {
      this.#counts.failures++
      report(this.#plan.options.onError, error)
      return 'kept'
    }
    return this.#flush.run(signal)
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
    this.#host.onClose?.(this.#buffer)
    return unwritten.length
  }
}
