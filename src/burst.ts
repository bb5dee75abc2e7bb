/**
 * How long the writer has been working without giving timers and I/O a turn. Synchronous drivers resolve in microtasks:
 * without a bound these would starve, and native finalizers too, also while one caller awaits write after write.
 *
 * Whether the event loop has turned by itself is not asked: to be told by it costs a small write 3 to 5 %. So a turn may be
 * given that nobody needs, one in many writes.
 *
 * @module
 */

/** How long the writer may work before the event loop has its turn. */
const maxBurstMs = 5
/** And after how many uses: whoever computes for longer than that between two leaves no trace in the time. */
const maxUses = 32

/** Measures from the first use of the writer to the turn that is given. */
export class Burst {
  #sinceMs = 0
  #endedAtMs = 0
  #uses = 0

  /** The writer was used; times on the clock of the storage. */
  note(beganAtMs: number, endedAtMs: number): void {
    // After a rest it begins anew: the first write of a request is not made to wait for the end of the last one's burst.
    if (this.#uses === 0 || beganAtMs - this.#endedAtMs > maxBurstMs) this.#sinceMs = beganAtMs
    this.#endedAtMs = endedAtMs
    this.#uses++
  }

  /** Whether it is time for a turn. */
  get isOver(): boolean {
    return this.#endedAtMs - this.#sinceMs >= maxBurstMs || this.#uses >= maxUses
  }

  /** The event loop had its turn. */
  end(): void {
    this.#uses = 0
    this.#sinceMs = this.#endedAtMs
  }
}
