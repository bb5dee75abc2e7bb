/**
 * The units that wait for the writer: their order, and what takes one out before its turn. That is the end of its budget
 * (C3), its signal, and the discovery that it was made, and is awaited, inside the transaction that it waits for (C11).
 *
 * @module
 */
import type { AsyncContext } from './connector.ts'
import { EarliestTimer } from './earliest-timer.ts'
import { OuterWriteError } from './errors.ts'
import { type Lane, Lanes } from './lanes.ts'
import { type Clock, type LockWait, lockTimeout } from './lock-wait.ts'
import { enclosingScope, whenIdle } from './transaction-scope.ts'
import type { WriteUnit } from './write-unit.ts'

/** By how much a budget may end late, for each unit that waits: 1 ms for a thousand. It never ends early. */
const expiryDelayMsPerUnit = 0.001

/** The queue, as those who wait in it see it. */
export interface WaitingUnitsHost {
  readonly clock: Clock
  readonly context: AsyncContext | undefined
  /** What scopes name as the owner of their writer. */
  readonly owner: object
  /** The one wait that asks for the lock on behalf of all. */
  readonly lockWait: LockWait
  /** Who has the writer, as the start of a sentence. */
  whoHolds(): string
}

/** Units in the order of their turns. */
export class WaitingUnits {
  readonly #host: WaitingUnitsHost
  readonly #lanes = new Lanes<WriteUnit>()
  readonly #countByLane: Record<Lane, number> = { control: 0, normal: 0, background: 0 }
  readonly #deadline: EarliestTimer
  /** Whether the lock is asked for in the next turn, on behalf of all that wait. */
  isAskedForNext = false
  #count = 0
  #givenUpCount = 0

  constructor(host: WaitingUnitsHost) {
    this.#host = host
    this.#deadline = new EarliestTimer(host.clock, () => this.expire())
  }

  get count(): number {
    return this.#count
  }

  get countByLane(): Readonly<Record<Lane, number>> {
    return { ...this.#countByLane }
  }

  /** How many units left before their turn, ever. */
  get givenUpCount(): number {
    return this.#givenUpCount
  }

  /** The unit whose turn it is. */
  first(): WriteUnit | undefined {
    return this.#lanes.peek()
  }

  /** The units in the order of their turns. They stay until they are taken; mark as tried what is. */
  inTurn(): Iterable<WriteUnit> {
    return this.#lanes.inTurn()
  }

  /** Who had to leave while it was being tried leaves now; so does one whose budget was for one try only. */
  returnTried(units: readonly WriteUnit[]): void {
    for (const unit of units) unit.isTried = false
    const nowMs = this.#host.clock.now()
    let isLate = false
    for (const unit of units) {
      if (unit.leftBy !== undefined) this.giveUp(unit, unit.leftBy.error)
      else if (unit.wait.deadlineMs <= nowMs) isLate = true
    }
    if (isLate) this.expire()
  }

  /** Lets a unit in; it can be taken from now on, also by what runs before {@linkcode watch}. */
  enter(unit: WriteUnit): void {
    unit.attemptsBefore = this.#host.lockWait.attempts
    this.#lanes.push(unit)
    this.#count++
    this.#countByLane[unit.lane]++
  }

  /** Takes the unit out at its deadline, its signal, or when the transaction around it turns out to wait for it. */
  watch(unit: WriteUnit): void {
    const cancelSignal = this.#watchSignal(unit)
    const scope = enclosingScope(this.#host.context, this.#host.owner)
    const refuse = (): void => this.giveUp(unit, new OuterWriteError(unit.whatIfOuter))
    const cancelOuter = scope && whenIdle(this.#host.clock, scope, refuse)
    if (cancelSignal !== undefined || cancelOuter !== undefined) {
      unit.onLeave = () => {
        cancelSignal?.()
        cancelOuter?.()
      }
    }
    this.#deadline.arm(unit.wait.deadlineMs)
  }

  /** Takes a unit out, as its turn has come. */
  take(unit: WriteUnit): void {
    unit.isTried = false
    this.#lanes.took(unit)
    this.#leave(unit)
  }

  /** Rejects a unit before its turn. One that is being tried may yet come through: that shows when the try is over. */
  giveUp(unit: WriteUnit, error: unknown): void {
    if (!unit.isWaiting) return
    if (unit.isTried) {
      unit.leftBy ??= { error }
      return
    }
    this.#givenUpCount++
    this.#leave(unit)
    this.#lanes.gaveUp(unit)
    unit.reject(error)
  }

  /** Gives up every unit whose budget is over. */
  expire(): void {
    const { clock, lockWait } = this.#host
    const nowMs = clock.now()
    let earliestMs = Number.POSITIVE_INFINITY
    for (const unit of this.#lanes) {
      const { wait } = unit
      // Even a budget of 0 is for one question.
      const isAsked = lockWait.attempts > unit.attemptsBefore || !this.isAskedForNext
      if (wait.deadlineMs <= nowMs && isAsked) {
        wait.attempts = lockWait.attempts - unit.attemptsBefore
        this.giveUp(
          unit,
          lockTimeout(wait, this.#host.whoHolds(), wait.attempts > 0 ? lockWait.busyError : undefined),
        )
      } else if (wait.deadlineMs < earliestMs) earliestMs = wait.deadlineMs
    }
    // It looked at all of them: with 100,000 that wait, one look a millisecond would leave no time for anything else.
    this.#deadline.arm(Math.max(earliestMs, nowMs + this.#count * expiryDelayMsPerUnit))
  }

  /** Gives up everything that waits, and what is being tried ends with its try. */
  giveUpAll(error: unknown): void {
    for (const unit of this.#lanes) {
      unit.wait.abandonedBy = error
      this.giveUp(unit, error)
    }
  }

  /** To be told when nothing waits for the time being: an idle storage must not keep the process alive. */
  rest(): void {
    this.#deadline.disarm()
  }

  #leave(unit: WriteUnit): void {
    unit.isWaiting = false
    unit.onLeave?.()
    this.#count--
    this.#countByLane[unit.lane]--
  }

  #watchSignal(unit: WriteUnit): (() => void) | undefined {
    const { signal } = unit.wait
    if (signal === undefined) return undefined
    const onAbort = (): void => this.giveUp(unit, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    return () => signal.removeEventListener('abort', onAbort)
  }
}
