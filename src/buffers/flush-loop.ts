/**
 * When a buffer is flushed: at an interval, at a size, or because somebody waits; by one flush at a time. A timer runs
 * only while something is to be written, so that an idle buffer lets the process end and a full one does not
 * (contracts C12 and C15).
 *
 * @module
 */
import { enclosingScope } from '../connection/transaction-scope.ts'
import type { AsyncContext } from '../connector.ts'
import { FlushTimeoutError } from '../errors.ts'
import { checkSignal } from '../lock-wait.ts'
import { checkNumber } from '../options/number-checks.ts'
import type { Clock } from '../time/clock.ts'
import { within } from '../time/within.ts'

/** How long a barrier waits. */
export interface FlushOptions {
  /** In milliseconds; then the wait, and only the wait, is given up. @default {30_000} */
  readonly timeoutMs?: number
  /** Ends the wait. */
  readonly signal?: AbortSignal
}

/** @throws {RangeError} If it is no time to wait: a timer would take NaN for 0, and a close would drop everything. */
export function checkTimeout(timeoutMs: number): void {
  checkNumber('Cannot wait as timeoutMs', timeoutMs, 0)
}

/** `settled`: written or dropped. `kept`: worth another try. `broken`: kept, and another try would be the same. */
export type FlushOutcome = 'settled' | 'kept' | 'broken'

/** The buffer, as its loop sees it. What is taken in is numbered from 1 on. */
export interface FlushHost {
  /** The number of what was taken in last. */
  readonly newest: number
  /** The number of the oldest that is neither written nor dropped; Infinity if there is none. */
  readonly oldest: number
  /** Whether there is so much that the interval is not waited for. */
  readonly isDue: boolean
  readonly size: number
  /** Writes what there is; never rejects. */
  run(signal: AbortSignal): Promise<FlushOutcome>
}

/** Where the buffer is used. */
export interface FlushSurroundings {
  readonly context?: AsyncContext | undefined
  /** What scopes name as the owner of the writer that flushes wait for. */
  readonly owner?: object
}

/** Not an error at once, as an outer write is: nothing is lost by it, and a flush need not write to this storage. */
const outerFlush = '. A transaction around this call has the writer: do not await a flush in there'

const closed = 'as the buffer is closed'

interface Barrier {
  readonly through: number
  readonly leave: (error?: unknown) => void
}

/** A flush that does not end by its signal is left alone at close after this long. */
const abortGraceMs = 1_000
/** At close there is no time for the interval between two tries. */
const drainRetryMs = 50

/** Runs the flushes of one buffer. */
export class FlushLoop {
  readonly #host: FlushHost
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #surroundings: FlushSurroundings
  readonly #barriers = new Set<Barrier>()
  readonly #aborter = new AbortController()
  #cancelTimer: (() => void) | undefined
  #isTimerDue = false
  #running: Promise<void> | undefined
  #hasFailed = false
  #isDraining = false
  #isOver = false

  constructor(host: FlushHost, clock: Clock, intervalMs: number, surroundings: FlushSurroundings) {
    this.#host = host
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#surroundings = surroundings
  }

  /** Something was taken in. */
  touch(): void {
    if (this.#isTimerDue || this.#running !== undefined || this.#isOver) return
    // After a failure a full buffer waits for its next try as others do: no write after write that fails.
    if (this.#host.isDue && !this.#hasFailed) this.#arm(0)
    else if (this.#cancelTimer === undefined) this.#arm(this.#intervalMs)
  }

  /** Resolves once everything that was taken in before the call is written, or reported as dropped. */
  async flush({ timeoutMs = 30_000, signal }: FlushOptions = {}): Promise<void> {
    checkTimeout(timeoutMs)
    checkSignal(signal)
    const through = this.#host.newest
    if (this.#host.oldest > through) return
    await new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const leave = (error?: unknown): void => {
        this.#barriers.delete(barrier)
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
        if (error === undefined) resolve()
        else reject(error)
      }
      const barrier: Barrier = { through, leave }
      const { context, owner } = this.#surroundings
      const scope = owner && enclosingScope(context, owner)
      const cancelTimer = this.#clock.schedule(timeoutMs, () =>
        leave(this.#unwritten(`within ${timeoutMs} ms`, scope?.isOpen ? outerFlush : '')),
      )
      const onAbort = (): void => leave(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#barriers.add(barrier)
      if (!this.#isTimerDue && this.#running === undefined) this.#arm(0)
    })
  }

  /** What was taken in may have left without a flush. */
  settle(): void {
    if (this.#barriers.size > 0) {
      const { oldest } = this.#host
      for (const barrier of this.#barriers) if (oldest > barrier.through) barrier.leave()
    }
    if (this.#host.size === 0 && this.#running === undefined) this.#disarm()
  }

  /**
   * Flushes what there is within `timeoutMs`, tells a flush that goes on by its signal to end, and stops for good. Called
   * again, the earlier of both ends holds.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true
    // What was not written shows in the host.
    await this.flush({ timeoutMs, signal: this.#aborter.signal }).catch(() => {})
    this.#isOver = true
    this.#disarm()
    this.#aborter.abort(this.#unwritten(closed))
    if (this.#running !== undefined) await within(this.#clock, abortGraceMs, this.#running)
    for (const barrier of this.#barriers) barrier.leave(this.#unwritten(closed))
  }

  #arm(delayMs: number): void {
    this.#disarm()
    this.#isTimerDue = delayMs === 0
    this.#cancelTimer = this.#clock.schedule(delayMs, () => this.#tick())
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#isTimerDue = false
  }

  #tick(): void {
    this.#disarm()
    // A value that was set inside a transaction is not written inside it.
    this.#surroundings.context?.enter(undefined)
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    // What is set by the flush itself, before it waits for anything, must find that one runs, and not begin another.
    await undefined
    const outcome = await this.#host.run(this.#aborter.signal)
    this.#running = undefined
    this.#hasFailed = outcome !== 'settled'
    this.settle()
    if (this.#isOver || this.#host.size === 0) return
    if (this.#isDraining && outcome === 'broken') {
      for (const barrier of this.#barriers) barrier.leave(this.#unwritten(closed))
    } else if (this.#hasFailed) {
      this.#arm(this.#isDraining ? Math.min(drainRetryMs, this.#intervalMs) : this.#intervalMs)
    } else {
      this.#arm(this.#barriers.size > 0 || this.#host.isDue ? 0 : this.#intervalMs)
    }
  }

  #unwritten(why: string, hint = ''): FlushTimeoutError {
    const { size } = this.#host
    return new FlushTimeoutError(`Cannot flush ${why}: ${size} are not written yet${hint}`, size)
  }
}
