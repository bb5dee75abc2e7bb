/**
 * The units that wait for the writer, in the order of their turns: how they enter, are tried, are taken and are given up.
 *
 * @module
 */
import { type Lane, Lanes } from '../lanes.ts'
import type { LockWait } from '../lock-wait.ts'
import { UnitWatch, type UnitWatchHost, type WatchedUnits } from './unit-watch.ts'
import type { WriteUnit } from './write-unit.ts'

/** Units in the order of their turns. */
export class WaitingUnits implements WatchedUnits {
  readonly #lockWait: LockWait
  readonly #lanes = new Lanes<WriteUnit>()
  /** Takes out those whose time is over. To be told of each unit that still waits once it has entered. */
  readonly watch: UnitWatch
  /** Whether the lock is asked for in the next turn, on behalf of all that wait. */
  isAskedForNext = false
  #count = 0

  constructor(host: UnitWatchHost) {
    this.#lockWait = host.lockWait
    this.watch = new UnitWatch(host, this)
  }

  get count(): number {
    return this.#count
  }

  get countByLane(): Readonly<Record<Lane, number>> {
    const counts = { control: 0, normal: 0, background: 0 }
    for (const { lane } of this) counts[lane]++
    return counts
  }

  /** The unit whose turn it is. */
  first(): WriteUnit | undefined {
    return this.#lanes.peek()
  }

  /** The units in the order of their turns. They stay until they are taken; mark as tried what is. */
  inTurn(): Iterable<WriteUnit> {
    return this.#lanes.inTurn()
  }

  /**
   * Who had to leave while it was being tried leaves now; so does one whose budget was for one try only.
   *
   * @param busyError What the try met.
   */
  returnTried(units: readonly WriteUnit[], busyError: unknown): void {
    this.#lockWait.busyError = busyError
    const nowMs = this.#lockWait.clock.now()
    let isLate = false
    for (const unit of units) {
      unit.isTried = false
      if (unit.leftBy) this.giveUp(unit, unit.leftBy.error)
      else if (unit.wait.deadlineMs <= nowMs) isLate = true
    }
    if (isLate) this.watch.expire()
  }

  /** Lets a unit in; it can be taken from now on, also by what runs before it is watched. */
  enter(unit: WriteUnit): void {
    // A write that was to run at once has asked before it entered.
    unit.attemptsBefore = this.#lockWait.attempts - unit.wait.attempts
    this.#lanes.push(unit)
    this.#count++
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
    this.#leave(unit)
    this.#lanes.gaveUp(unit)
    unit.error = error
    unit.reject(error)
  }

  /** Every unit that waits, lane by lane. */
  [Symbol.iterator](): Iterator<WriteUnit> {
    return this.#lanes[Symbol.iterator]()
  }

  #leave(unit: WriteUnit): void {
    unit.isWaiting = false
    unit.onLeave?.()
    this.#count--
  }
}
