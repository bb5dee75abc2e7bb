/**
 * Watches over what keeps a connection to itself: a transaction callback that awaits something that never comes keeps
 * every other writer out, a stream that nobody reads on keeps the WAL from being checkpointed (contracts C11 and C13).
 *
 * It works with a timer, so a single statement that does not end is out of its reach: the drivers run statements in one
 * synchronous call, and while one runs, nothing else does.
 *
 * @module
 */
import { TransactionTimeoutError } from '../errors.ts'
import type { LongTransactionEvent } from '../events.ts'
import { eventTeller } from '../pool/event-text.ts'
import type { ConnectionPool } from '../pool.ts'
import type { Clock } from '../time/clock.ts'
import { EarliestTimer } from '../time/earliest-timer.ts'

/** A connection that somebody keeps, as the watchdog sees it. */
export interface ConnectionHold {
  readonly holds: 'writer' | 'reader'
  readonly lease: {
    readonly heldSinceMs: number
    readonly lastSql: string | undefined
    idleMs?(): number
  }
  /** Takes the connection back, and answers whether it did; missing where it is only warned about. */
  readonly end?: (error: TransactionTimeoutError) => Promise<boolean>
}

/** What the watchdog goes by. */
export interface TransactionWatchdogHost {
  readonly clock: Clock
  /** Warns once at this age. */
  readonly transactionWarnMs: number
  /** Ends it at this age. */
  readonly maxTransactionMs: number
  readonly onEvent: (event: LongTransactionEvent) => void
}

const watchdogs = new WeakMap<ConnectionPool, TransactionWatchdog>()

/** The one watchdog of a storage: it comes with the first session. */
export function watchdogOf(pool: ConnectionPool): TransactionWatchdog {
  const known = watchdogs.get(pool)
  if (known !== undefined) return known
  const { transactionWarnMs = 5_000, maxTransactionMs = Number.POSITIVE_INFINITY } = pool.options
  const onEvent = eventTeller(pool.options)
  const watchdog = new TransactionWatchdog({
    clock: pool.clock,
    transactionWarnMs,
    maxTransactionMs,
    onEvent,
  })
  watchdogs.set(pool, watchdog)
  return watchdog
}

/** When the timer itself is this late, the machine slept or a statement blocked it: the holder could not go on either. */
const lateMs = 1_000

/** One timer for all that is held; none while nothing is. */
export class TransactionWatchdog {
  readonly #host: TransactionWatchdogHost
  readonly #timer: EarliestTimer
  /** What is watched, and when it is looked at next. */
  readonly #dueMs = new Map<ConnectionHold, number>()

  constructor(host: TransactionWatchdogHost) {
    this.#host = host
    this.#timer = new EarliestTimer(host.clock, () => this.#look(), { keepsAlive: false })
  }

  /** Watches until the returned function is called. */
  watch(hold: ConnectionHold): () => void {
    const { transactionWarnMs, maxTransactionMs } = this.#host
    const ageMs = hold.end === undefined ? transactionWarnMs : Math.min(transactionWarnMs, maxTransactionMs)
    this.#lookAt(hold, hold.lease.heldSinceMs + ageMs)
    return () => {
      this.#dueMs.delete(hold)
      if (this.#dueMs.size === 0) this.#timer.disarm()
    }
  }

  #lookAt(hold: ConnectionHold, atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) {
      this.#dueMs.delete(hold)
      return
    }
    this.#dueMs.set(hold, atMs)
    this.#timer.arm(atMs)
  }

  #look(): void {
    const { clock, maxTransactionMs } = this.#host
    const nowMs = clock.now()
    for (const [hold, dueMs] of this.#dueMs) {
      const endsAtMs = hold.end === undefined ? Infinity : hold.lease.heldSinceMs + maxTransactionMs
      if (dueMs > nowMs) this.#timer.arm(dueMs)
      else if (endsAtMs > nowMs) {
        this.#lookAt(hold, endsAtMs)
        this.#warn(hold, false)
      } else if (nowMs - dueMs > lateMs) this.#lookAt(hold, nowMs + lateMs)
      else this.#end(hold)
    }
  }

  #end(hold: ConnectionHold): void {
    this.#dueMs.delete(hold)
    const ageMs = this.#host.clock.now() - hold.lease.heldSinceMs
    const error = new TransactionTimeoutError(
      `Cannot go on in the transaction or db.connection() as it had been open for ${Math.round(ageMs)} ms (maxTransactionMs); what it had not committed is rolled back`,
      { ageMs, lastSql: hold.lease.lastSql },
    )
    void hold.end?.(error).then((isEnded) => {
      if (isEnded) this.#warn(hold, true)
    })
  }

  #warn({ holds, lease }: ConnectionHold, isEnded: boolean): void {
    const { clock, onEvent } = this.#host
    const ageMs = clock.now() - lease.heldSinceMs
    const { lastSql } = lease
    onEvent({ kind: 'long-transaction', holds, ageMs, idleMs: lease.idleMs?.(), lastSql, isEnded })
  }
}
