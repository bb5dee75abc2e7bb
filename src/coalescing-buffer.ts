/**
 * Write-behind for what changes often and of which only the latest counts, such as presence: a value per key, one
 * statement per tick (contract C12).
 *
 * @module
 */
import type { CoalesceOptions, CoalesceStats } from './buffers/coalesce-options.ts'
import type { FlushOptions } from './buffers/flush-loop.ts'
import { type LatestEntry, LatestValues } from './buffers/latest-values.ts'
import { BufferLife } from './buffers/life.ts'
import { type BufferHost, checkCount, type PushResult, type WriteBehind } from './buffers/write-behind.ts'
import { ConfigError } from './errors.ts'
import { checkWord } from './options/option-checks.ts'

/** Holds the latest value of each key until it is written. */
export class CoalescingBuffer<Key, Value> implements WriteBehind, AsyncDisposable {
  readonly holds = 'values'
  readonly lockTimeoutMs: number
  readonly #options: CoalesceOptions<Key, Value>
  readonly #capacity: number
  readonly #values: LatestValues<Key, Value>
  readonly #life: BufferLife<Value, LatestEntry<Key, Value>>

  /** Use `storage.coalesce()`. */
  constructor(options: CoalesceOptions<Key, Value>, host: BufferHost) {
    for (const name of ['key', 'flush'] as const)
      if (typeof options[name] !== 'function')
        throw new ConfigError(`Cannot create the buffer as ${name} must be a function`)
    this.#options = options
    this.#values = new LatestValues(options.merge ?? ((_older, newer) => newer), (older, error) =>
      this.#life.drop(older, 'poison', error),
    )
    this.#capacity = checkCount('capacity', options.capacity ?? 100_000)
    checkWord('Cannot create the buffer as overflow', options.overflow, ['drop-newest', 'drop-oldest'])
    this.lockTimeoutMs = host.lockTimeoutMs
    this.#life = new BufferLife(
      this,
      {
        held: this.#values,
        write: (entries, context) =>
          options.flush(
            entries.map(({ value }) => value),
            context,
          ),
        maxWaiting: checkCount('maxPending', options.maxPending ?? 1_000),
        intervalMs: checkCount('intervalMs', options.intervalMs ?? 1_000),
        options,
      },
      host,
    )
  }

  /** Keys that are not written yet, those being flushed included. */
  get size(): number {
    return this.#values.size
  }

  /**
   * Takes a value in, merged with the one that waits under its key. Never touches the database. It holds the value itself
   * until it is written, no copy.
   */
  set(value: Value): PushResult {
    const key = this.#options.key(value)
    if (this.#life.isStopped) return this.#refuse(value, 'closed')
    if (!this.#values.has(key) && this.size >= this.#capacity && !this.#dropOldest()) {
      return this.#refuse(value, 'full')
    }
    this.#values.set(key, value, this.#life.newest + 1)
    this.#life.tookIn()
    return accepted
  }

  /** The value of a key that is not written yet. */
  get(key: Key): Value | undefined {
    return this.#values.get(key)
  }

  /** Forgets a key. Of a value that is being flushed at this moment, only a second try is prevented. */
  delete(key: Key): boolean {
    const wasHeld = this.#values.delete(key)
    this.#life.settle()
    return wasHeld
  }

  /**
   * Flushes now. Resolves once everything that was set before the call is committed, or reported as dropped.
   *
   * @throws {FlushTimeoutError} If that took longer than `timeoutMs`; nothing is lost, the buffer goes on.
   */
  flush(options?: FlushOptions): Promise<void> {
    return this.#life.flush(options)
  }

  stats(): CoalesceStats {
    return this.#life.stats()
  }

  /** Takes nothing in from now on. */
  stop(): void {
    this.#life.stop()
  }

  /** What {@linkcode CoalescingBuffer.close} does, answering how many values were not written. */
  drain(timeoutMs: number): Promise<number> {
    return this.#life.drain(timeoutMs)
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

  #dropOldest(): boolean {
    if (this.#options.overflow !== 'drop-oldest') return false
    const oldest = this.#values.shift()
    if (oldest === undefined) return false
    this.#life.drop(oldest.value, 'full')
    return true
  }

  #refuse(value: Value, reason: 'full' | 'closed'): PushResult {
    this.#life.drop(value, reason)
    return { accepted: false, reason }
  }
}

const accepted: PushResult = { accepted: true }
