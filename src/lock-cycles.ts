/**
 * How often the writer had the lock, and for how many units at once: what `stats()` tells of groups, and what the pauses
 * between tries go by.
 *
 * @module
 */
import { Turn } from './lock-delay.ts'
import type { Clock } from './lock-wait.ts'

/** Counts what the writer did with the lock. */
export class LockCycles {
  readonly #clock: Clock
  readonly #turn = new Turn()
  #count = 0
  #largestGroup = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How often the lock was taken. */
  get count(): number {
    return this.#count
  }

  /** The most units that shared a lock cycle. */
  get largestGroup(): number {
    return this.#largestGroup
  }

  /** Whether the writer had the lock write after write until now. */
  get hadItsTurn(): boolean {
    return this.#turn.isLong
  }

  /** Call it before the callers of the units hear of it, so that they find themselves in the figures. */
  note(unitCount: number): void {
    this.#turn.note(this.#clock.now())
    this.#count++
    if (unitCount > this.#largestGroup) this.#largestGroup = unitCount
  }
}
