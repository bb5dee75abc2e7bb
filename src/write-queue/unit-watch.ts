/**
 * What takes a unit out of the queue before its turn: the end of its budget (C3), its signal, and the discovery that it was
 * made, and is awaited, inside the transaction that it waits for (C11).
 *
 * @module
 */
import { enclosingScope, whenIdle } from '../connection/transaction-scope.ts'
import type { AsyncContext } from '../connector.ts'
import { OuterWriteError } from '../errors.ts'
import { type LockWait, lockTimeout } from '../lock-wait.ts'
import { EarliestTimer } from '../time/earliest-timer.ts'
import type { WriteUnit } from './write-unit.ts'

/** By how much a budget may end late, for each unit that waits: 1 ms for a thousand. It never ends early. */
const expiryDelayMsPerUnit = 0.001

/** The queue, as those who wait in it see it. */
export interface UnitWatchHost {
  readonly context: AsyncContext | undefined
  /** What scopes name as the owner of their writer. */
  readonly owner: object
  /** The one wait that asks for the lock on behalf of all. */
  readonly lockWait: LockWait
  /** Who has the writer, as the start of a sentence. */
  readonly whoHolds: () => string
}

/** The units that are watched, in any order. */
export interface WatchedUnits extends Iterable<WriteUnit> {
  readonly count: number
  /** Whether the lock is asked for in the next turn, on behalf of all that wait. */
  readonly isAskedForNext: boolean
  giveUp(unit: WriteUnit, error: unknown): void
}

/** Watches over the units that wait. */
export class UnitWatch {
  readonly #host: UnitWatchHost
  readonly #units: WatchedUnits
  readonly #deadline: EarliestTimer

  constructor(host: UnitWatchHost, units: WatchedUnits) {
    this.#host = host
    this.#units = units
    this.#deadline = new EarliestTimer(host.lockWait.clock, () => this.expire())
  }

  /** Watches over one more unit: its deadline, its signal, and the transaction around it. */
  add(unit: WriteUnit): void {
    const { context, owner, lockWait } = this.#host
    const { signal, deadlineMs } = unit.wait
    const scope = enclosingScope(context, owner)
    if (signal || scope) {
      const onAbort = (): void => this.#units.giveUp(unit, signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      const refuse = (): void => this.#units.giveUp(unit, new OuterWriteError(unit.whatIfOuter))
      const cancelOuter = scope && whenIdle(lockWait.clock, scope, refuse)
      unit.onLeave = () => {
        signal?.removeEventListener('abort', onAbort)
        cancelOuter?.()
      }
    }
    this.#deadline.arm(deadlineMs)
  }

  /** Gives up every unit whose budget is over. */
  expire(): void {
    const units = this.#units
    const { lockWait, whoHolds } = this.#host
    const nowMs = lockWait.clock.now()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const unit of units) {
      const { wait } = unit
      // Even a budget of 0 is for one question.
      const isAsked = lockWait.attempts > unit.attemptsBefore || !units.isAskedForNext
      if (wait.deadlineMs <= nowMs && isAsked) {
        wait.attempts = lockWait.attempts - unit.attemptsBefore
        const busyError = wait.attempts > 0 ? lockWait.busyError : undefined
        units.giveUp(unit, lockTimeout(wait, whoHolds(), busyError))
      } else if (wait.deadlineMs < earliestMs) earliestMs = wait.deadlineMs
    }
    // It looked at all of them: with 100,000 that wait, one look a millisecond would leave no time for anything else.
    this.#deadline.arm(Math.max(earliestMs, nowMs + units.count * expiryDelayMsPerUnit))
  }

  /** To be told when nothing waits for the time being: an idle storage must not keep the process alive. */
  rest(): void {
    this.#deadline.disarm()
  }
}
