/**
 * The flushes of a write-behind buffer (contract C12): each writes what it takes off, isolates poison and gives back what
 * failed. Loaded when there is a buffer.
 *
 * @module
 */
import { report } from '../events/report.ts'
import { FlushKeys } from './flush-keys.ts'
import type { FlushOutcome } from './flush-loop.ts'
import type { BufferPlan, FlushCounts } from './plan.ts'
import { writeIsolating } from './poison.ts'
import type { BufferHost } from './write-behind.ts'

/** Runs the flushes of one buffer, one at a time. */
export class BufferFlush<Value, Entry extends { readonly value: Value }> {
  readonly #plan: BufferPlan<Value, Entry>
  readonly #lockTimeoutMs: number
  readonly #keys: FlushKeys<Entry> | undefined
  readonly #counts: FlushCounts
  readonly #dropPoison: (value: Value, error: unknown) => void

  /** @param dropPoison Counts and reports a value that fails alone. */
  constructor(
    plan: BufferPlan<Value, Entry>,
    { newKey, lockTimeoutMs }: BufferHost,
    counts: FlushCounts,
    dropPoison: (value: Value, error: unknown) => void,
  ) {
    this.#plan = plan
    this.#lockTimeoutMs = lockTimeoutMs
    this.#keys = newKey && new FlushKeys<Entry>(newKey, plan.numberOf)
    this.#counts = counts
    this.#dropPoison = dropPoison
  }

  async run(signal: AbortSignal): Promise<FlushOutcome> {
    const { held, maxWaiting, onRoom, options } = this.#plan
    const entries = held.takeOff(this.#keys?.countOf(maxWaiting, held.oldest) ?? maxWaiting)
    const { failures } = this.#counts
    const { poison, failure } = await writeIsolating(entries, (part) => this.#write(part, signal), failures)
    for (const { item, error } of poison) if (held.land(item)) this.#dropPoison(item.value, error)
    held.turnBack()
    onRoom?.()
    if (failure === undefined) return 'settled'
    this.#counts.failures++
    report(options.onError, failure.error)
    return failure.fault === 'passing' ? 'kept' : 'broken'
  }

  async #write(part: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { held, write, options } = this.#plan
    // Some may have been deleted since the flush began, or the buffer been closed.
    const entries = part.filter((entry) => held.isInFlight(entry))
    if (entries.length === 0) return
    signal.throwIfAborted()
    const context = { lane: options.lane ?? 'background', lockTimeoutMs: this.#lockTimeoutMs, signal }
    const key = this.#keys?.keyOf(entries)
    try {
      await write(entries, { ...context, ...(key !== undefined && { idempotencyKey: key }) })
      this.#keys?.noteEnd(entries)
    } catch (error) {
      this.#keys?.noteEnd(entries, error)
      throw error
    }
    for (const entry of entries) held.land(entry)
    this.#counts.flushed += entries.length
    this.#counts.flushes++
  }
}
