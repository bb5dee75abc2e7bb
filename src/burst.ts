/**
 * How long the writer has been working without giving timers and I/O a turn. Synchronous drivers resolve in microtasks:
 * without a bound these would starve, and native finalizers too, also while one caller awaits write after write.
 *
 * @module
 */
import type { Clock } from './lock-wait.ts'

/** How long the writer may work before the event loop has its turn. */
const maxBurstMs = 5

/** Measures from the first work after a turn of the event loop to the next turn. */
export class Burst {
  readonly #clock: Clock
  readonly #nextTurn: () => Promise<void>
  /** Undefined once the event loop has turned. */
  #sinceMs: number | undefined

  constructor(clock: Clock, nextTurn: () => Promise<void>) {
    this.#clock = clock
    this.#nextTurn = nextTurn
  }

  /** Whether it is time for a turn. */
  get isOver(): boolean {
    return this.#sinceMs !== undefined && this.#clock.now() - this.#sinceMs >= maxBurstMs
  }

  /** Work begins; it may have begun before. */
  begin(): void {
    if (this.#sinceMs !== undefined) return
    this.#sinceMs = this.#clock.now()
    void this.#nextTurn().then(() => {
      this.#sinceMs = undefined
    })
  }
}
