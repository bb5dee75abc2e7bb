/**
 * Write-behind for rows that come one per request, such as usage records: a bounded queue in memory and one background
 * writer, so that a request never waits for the database, nor fails with it (contract C12).
 *
 * @module
 */
import type { AppendOptions, AppendStats, InsertRows, Overflow } from './buffers/append-options.ts'
import type { FlushOptions } from './buffers/flush-loop.ts'
import { BufferLife } from './buffers/life.ts'
import { type PendingRow, PendingRows } from './buffers/pending-rows.ts'
import { readPushed } from './buffers/pushed-row.ts'
import { type PushOptions, RoomLine } from './buffers/room-line.ts'
import {
  type BufferHost,
  checkCount,
  type DropReason,
  type PushResult,
  type WriteBehind,
} from './buffers/write-behind.ts'
import { checkSignal } from './lock-wait.ts'
import { checkWord } from './options/option-checks.ts'

/** Takes rows in until they are written. `Result` is what `push()` answers: with the policy `wait` it is a promise. */
export class AppendQueue<Row extends object, Result = PushResult> implements WriteBehind, AsyncDisposable {
  readonly holds = 'rows'
  readonly lockTimeoutMs: number
  readonly #overflow: Overflow
  readonly #capacity: number
  readonly #options: AppendOptions<Row>
  readonly #rows = new PendingRows<Row>()
  readonly #line: RoomLine<Row>
  readonly #life: BufferLife<Row, PendingRow<Row>>
  #duplicates = 0
  #rejected = 0

  /** Use `storage.append()`. */
  constructor(options: AppendOptions<Row>, host: BufferHost, insert: InsertRows<Row>) {
    checkWord('Cannot create the buffer as overflow', options.overflow, overflows)
    this.#overflow = options.overflow ?? 'drop-newest'
    this.#capacity = checkCount('capacity', options.capacity ?? 10_000)
    this.#options = options
    this.lockTimeoutMs = host.lockTimeoutMs
    this.#line = new RoomLine(options.clock ?? host.clock)
    this.#life = new BufferLife(
      this,
      {
        held: this.#rows,
        write: async (part, context) => {
          const rows = part.map(({ value }) => value)
          const inserted = await insert(rows, context)
          // Without a key of their own no rows are the same: those that are stored already are these.
          if (options.idempotencyKey !== undefined) this.#duplicates += rows.length - inserted
        },
        numberOf: ({ sequence }) => sequence,
        onRoom: () => this.#admit(),
        maxWaiting: Math.min(checkCount('maxBatch', options.maxBatch ?? 1_000), this.#capacity),
        intervalMs: checkCount('intervalMs', options.intervalMs ?? 100),
        options,
      },
      host,
    )
  }

  /** Rows that are not written yet, those being written included. */
  get size(): number {
    return this.#rows.size
  }

  /**
   * Takes a row in, in constant time, without touching the database. Never throws: what cannot be read is dropped as
   * poison. Rejects only with the reason of `options.signal`, or if an option cannot be used.
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
    return this.#life.flush(options)
  }

  stats(): AppendStats {
    return {
      ...this.#life.stats(),
      waiting: this.#line.size,
      duplicates: this.#duplicates,
      droppedBy: this.#life.droppedBy,
      rejected: this.#rejected,
    }
  }

  /** Takes nothing in from now on; who waits for room is told so. */
  stop(): void {
    this.#life.stop()
    for (let row = this.#line.next(closed); row !== undefined; row = this.#line.next(closed))
      this.#life.drop(row, 'closed')
  }

  /** What {@linkcode AppendQueue.close} does, answering how many rows were not written. */
  drain(timeoutMs: number): Promise<number> {
    return this.#life.drain(timeoutMs)
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
    const copy = this.#read(row)
    if (typeof copy === 'string') return refused(copy)
    if (this.size >= this.#capacity && !this.#dropOldest()) {
      if (this.#overflow === 'reject') this.#rejected++
      else this.#life.drop(row, 'full')
      return full
    }
    this.#accept(copy)
    return accepted
  }

  async #pushWhenFree(row: Row, options: PushOptions | undefined): Promise<PushResult> {
    // The time of the request is that of the call, not that of its turn.
    const copy = this.#read(row)
    if (typeof copy === 'string') return refused(copy)
    checkSignal(options?.signal)
    options?.signal?.throwIfAborted()
    if (this.size >= this.#capacity || this.#line.size > 0) {
      const result = await this.#line.join(copy, full, options)
      if (result === full) this.#rejected++
      return result
    }
    this.#accept(copy)
    return accepted
  }

  #read(row: Row): Row | DropReason {
    if (!this.#life.isStopped) return readPushed(row, this.#options, this.#life)
    this.#life.drop(row, 'closed')
    return 'closed'
  }

  #accept(copy: Row): void {
    this.#rows.push(copy, this.#life.newest + 1)
    this.#life.tookIn()
  }

  #admit(): void {
    while (this.size < this.#capacity) {
      const row = this.#line.next(accepted)
      if (row === undefined) return
      this.#accept(row)
    }
  }

  /** What is being written cannot be dropped any more. */
  #dropOldest(): boolean {
    if (this.#overflow !== 'drop-oldest') return false
    const oldest = this.#rows.shift()
    if (oldest === undefined) return false
    this.#life.drop(oldest, 'full')
    return true
  }
}

const overflows: readonly Overflow[] = ['drop-newest', 'drop-oldest', 'reject', 'wait']

// One object each: a push makes no garbage but its row.
const accepted: PushResult = { accepted: true }
const full = refused('full')
const closed = refused('closed')

function refused(reason: DropReason): PushResult {
  return { accepted: false, reason }
}
