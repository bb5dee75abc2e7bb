/**
 * Write-behind for rows that come one per request, such as usage records: a bounded queue in memory and one background
 * writer, so that a request never waits for the database, nor fails with it (contract C12).
 *
 * @module
 */
import type { AppendOptions, AppendStats, InsertRows, Overflow } from './append-options.ts'
import { type FlushHost, FlushLoop, type FlushOptions, type FlushOutcome } from './flush-loop.ts'
import type { Lane } from './lanes.ts'
import { type PendingRow, PendingRows } from './pending-rows.ts'
import { writeIsolating } from './poison.ts'
import { type PushOptions, RoomLine } from './room-line.ts'
import {
  type BufferHost,
  checkCount,
  type DropReason,
  type PushResult,
  report,
  type WriteBehind,
} from './write-behind.ts'

/** Takes rows in until they are written. `Result` is what `push()` answers: with the policy `wait` it is a promise. */
export class AppendQueue<Row extends object, Result = PushResult> implements WriteBehind, AsyncDisposable {
  readonly holds = 'rows'
  readonly lockTimeoutMs: number
  readonly #options: AppendOptions<Row>
  readonly #insert: InsertRows<Row>
  readonly #overflow: Overflow
  readonly #capacity: number
  readonly #maxBatch: number
  readonly #lane: Lane
  readonly #idempotencyKey: keyof Row | undefined
  readonly #timestamp: keyof Row | undefined
  readonly #loop: FlushLoop
  readonly #onClose: BufferHost['onClose']
  readonly #rows = new PendingRows<Row>()
  readonly #line: RoomLine<Row>
  #sequence = 0
  #isStopped = false
  #closing: Promise<number> | undefined
  #flushed = 0
  #duplicates = 0
  #rejected = 0
  #failures = 0
  #flushes = 0
  readonly #droppedBy: Record<DropReason, number> = { full: 0, poison: 0, closed: 0, 'no-key': 0 }

  /** Use `storage.append()`. */
  constructor(options: AppendOptions<Row>, host: BufferHost, insert: InsertRows<Row>) {
    this.#options = options
    this.#insert = insert
    this.#overflow = options.overflow ?? 'drop-newest'
    this.#capacity = checkCount('capacity', options.capacity ?? 10_000, 1)
    this.#maxBatch = Math.min(checkCount('maxBatch', options.maxBatch ?? 1_000, 1), this.#capacity)
    this.#lane = options.lane ?? 'background'
    this.#idempotencyKey = options.idempotencyKey
    this.#timestamp = options.timestamp
    this.lockTimeoutMs = host.lockTimeoutMs
    this.#onClose = host.onClose
    const clock = options.clock ?? host.clock
    this.#line = new RoomLine(clock)
    const intervalMs = checkCount('intervalMs', options.intervalMs ?? 100, 1)
    this.#loop = new FlushLoop(this.#loopHost(), clock, intervalMs, host.context)
  }

  /** Rows that are not written yet, those being written included. */
  get size(): number {
    return this.#rows.size
  }

  /**
   * Takes a row in, in constant time, without touching the database. Never throws, and rejects only with the reason of
   * `options.signal`.
   *
   * @param options For the overflow policy `wait`: how long to wait for room.
   */
  push(row: Row, options?: PushOptions): Result {
    return (this.#overflow === 'wait' ? this.#pushWhenFree(row, options) : this.#pushNow(row)) as Result
  }

  /**
   * Writes now. Resolves once every row that was accepted before the call is committed, or reported as dropped.
   *
   * @throws {FlushTimeoutError} If that took longer than `timeoutMs`; nothing is lost, the writer goes on.
   */
  flush(options?: FlushOptions): Promise<void> {
    return this.#loop.flush(options)
  }

  stats(): AppendStats {
    const droppedBy = { ...this.#droppedBy }
    return {
      pending: this.size,
      waiting: this.#line.size,
      flushed: this.#flushed,
      duplicates: this.#duplicates,
      dropped: Object.values(droppedBy).reduce((sum, count) => sum + count, 0),
      droppedBy,
      rejected: this.#rejected,
      failures: this.#failures,
      flushes: this.#flushes,
    }
  }

  /** Takes nothing in from now on; who waits for room is told so. */
  stop(): void {
    this.#isStopped = true
    for (const row of this.#line.refuse(closed)) this.#drop(row, 'closed')
  }

  /** What {@linkcode AppendQueue.close} does, answering how many rows were not written. */
  drain(timeoutMs: number): Promise<number> {
    this.#closing ??= this.#drain(timeoutMs)
    return this.#closing
  }

  /**
   * Takes nothing in any more, and writes what it holds within `timeoutMs`. The rest is dropped, reported and counted.
   *
   * @param options `timeoutMs` is by default as long as one batch may wait for the lock, and a second.
   */
  async close({ timeoutMs = this.lockTimeoutMs + 1_000 }: { readonly timeoutMs?: number } = {}): Promise<{
    readonly unwrittenRows: number
  }> {
    return { unwrittenRows: await this.drain(timeoutMs) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #pushNow(row: Row): PushResult {
    const refusal = this.#refusal(row)
    if (refusal !== undefined) return refusal
    if (this.size >= this.#capacity && !this.#dropOldest()) {
      if (this.#overflow === 'reject') this.#rejected++
      else this.#drop(row, 'full')
      return full
    }
    this.#accept(row)
    return accepted
  }

  async #pushWhenFree(row: Row, options: PushOptions | undefined): Promise<PushResult> {
    const refusal = this.#refusal(row)
    if (refusal !== undefined) return refusal
    options?.signal?.throwIfAborted()
    if (this.size >= this.#capacity || this.#line.size > 0) {
      // The time of the request is that of the call, not that of its turn.
      const result = await this.#line.join(this.#stamped(row), full, options)
      if (result === full) this.#rejected++
      return result
    }
    this.#accept(row)
    return accepted
  }

  #refusal(row: Row): PushResult | undefined {
    if (this.#isStopped) {
      this.#drop(row, 'closed')
      return closed
    }
    if (this.#idempotencyKey === undefined) return undefined
    const key = row[this.#idempotencyKey]
    if (key !== undefined && key !== null) return undefined
    this.#drop(row, 'no-key')
    return keyless
  }

  #accept(row: Row): void {
    this.#rows.push(this.#stamped(row), ++this.#sequence)
    this.#loop.touch()
  }

  #stamped(row: Row): Row {
    if (this.#timestamp === undefined || row[this.#timestamp] !== undefined) return row
    return { ...row, [this.#timestamp]: Date.now() }
  }

  #loopHost(): FlushHost {
    const queue = this
    return {
      get newest() {
        return queue.#sequence
      },
      get oldest() {
        return queue.#rows.oldest
      },
      get isDue() {
        return queue.#rows.waiting >= queue.#maxBatch
      },
      get size() {
        return queue.size
      },
      run: (signal) => this.#run(signal),
    }
  }

  async #run(signal: AbortSignal): Promise<FlushOutcome> {
    const batch = this.#rows.takeOff(this.#maxBatch)
    const { poison, failure } = await writeIsolating(batch, (part) => this.#write(part, signal))
    for (const { item, error } of poison) if (this.#rows.land(item)) this.#drop(item.row, 'poison', error)
    this.#rows.turnBack()
    this.#admit()
    if (failure === undefined) return 'settled'
    this.#failures++
    report(this.#options.onError, failure.error)
    return failure.fault === 'passing' ? 'kept' : 'broken'
  }

  async #write(part: readonly PendingRow<Row>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const rows = part.map(({ row }) => row)
    const context = { lane: this.#lane, lockTimeoutMs: this.lockTimeoutMs, signal }
    const inserted = await this.#insert(rows, context)
    for (const row of part) this.#rows.land(row)
    this.#flushed += part.length
    this.#duplicates += part.length - inserted
    this.#flushes++
  }

  #admit(): void {
    while (this.size < this.#capacity) {
      const row = this.#line.next(accepted)
      if (row === undefined) return
      this.#accept(row)
    }
  }

  async #drain(timeoutMs: number): Promise<number> {
    this.stop()
    await this.#loop.drain(timeoutMs)
    this.#rows.turnBack()
    const unwritten = this.#rows.takeOff(this.#rows.size)
    for (const entry of unwritten) {
      this.#rows.land(entry)
      this.#drop(entry.row, 'closed')
    }
    this.#onClose?.(this)
    return unwritten.length
  }

  /** What is being written cannot be dropped any more. */
  #dropOldest(): boolean {
    if (this.#overflow !== 'drop-oldest') return false
    const oldest = this.#rows.shift()
    if (oldest === undefined) return false
    this.#drop(oldest, 'full')
    return true
  }

  #drop(row: Row, reason: DropReason, error?: unknown): void {
    this.#droppedBy[reason]++
    report(this.#options.onDrop, error === undefined ? { value: row, reason } : { value: row, reason, error })
  }
}

// One object each: a push makes no garbage but its row.
const accepted: PushResult = { accepted: true }
const full: PushResult = { accepted: false, reason: 'full' }
const closed: PushResult = { accepted: false, reason: 'closed' }
const keyless: PushResult = { accepted: false, reason: 'no-key' }
