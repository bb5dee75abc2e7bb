/**
 * How often the writer had the lock, and for how many units at once: what `stats()` tells of groups, and what the pauses
 * between tries go by.
 *
 * @module
 */
import { Turn } from './lock-delay.ts'

/** Counts what the writer did with the lock. */
export class LockCycles {
  /** Whether the writer has the lock write after write. */
  readonly turn: Turn = new Turn()
  #count = 0
  #largestGroup = 0

  /** How often the lock was taken. */
  get count(): number {
    return this.#count
  }

  /** The most units that shared a lock cycle. */
  get largestGroup(): number {
    return this.#largestGroup
  }

  /** Call it before the callers of the units hear of it, so that they find themselves in the figures. */
  note(unitCount: number, nowMs: number): void {
    this.turn.note(nowMs)
    this.#count++
    if (unitCount > this.#largestGroup) this.#largestGroup = unitCount
  }
}
