/**
 * How long the writer has been working without giving timers and I/O a turn. Synchronous drivers resolve in microtasks:
 * without a bound these would starve, and native finalizers too, also while one caller awaits write after write.
 *
 * @module
 */

/** How long the writer may work before the event loop has its turn; twice that at most, as it is not always watched. */
const maxBurstMs = 5

/** Measures from the first use of the writer to the next turn of the event loop. */
export class Burst {
  readonly #nextTurn: () => Promise<void>
  #sinceMs = Number.NEGATIVE_INFINITY
  #endedAtMs = 0
  /** Whether the event loop has not turned since the burst began. */
  #goesOn = false

  constructor(nextTurn: () => Promise<void>) {
    this.#nextTurn = nextTurn
  }

  /** The writer was used, or asked for the lock; times on the clock of the storage. */
  note(beganAtMs: number, endedAtMs: number): void {
    this.#endedAtMs = endedAtMs
    // To be told of a turn costs a small write 3 to 5 %, so it is asked for once in a while, not for each.
    if (this.#goesOn || beganAtMs - this.#sinceMs < maxBurstMs) return
    this.#sinceMs = beganAtMs
    this.#goesOn = true
    void this.#nextTurn().then(() => {
      this.#goesOn = false
    })
  }

  /** Whether it is time for a turn. */
  get isOver(): boolean {
    return this.#goesOn && this.#endedAtMs - this.#sinceMs >= maxBurstMs
  }
}
