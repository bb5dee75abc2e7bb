/**
 * One timer for many deadlines: ten thousand waiting writes must not mean as many timers.
 *
 * @module
 */
import type { Clock, ScheduleOptions } from './clock.ts'

/** Calls back at the earliest time that it was armed with. */
export class EarliestTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  readonly #options: ScheduleOptions | undefined
  #cancel: (() => void) | undefined
  #dueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onDue: () => void, options?: ScheduleOptions) {
    this.#clock = clock
    this.#onDue = onDue
    this.#options = options
  }

  /** @param atMs On the clock of `clock.now()`; what is later than a time that is armed already changes nothing. */
  arm(atMs: number): void {
    if (atMs >= this.#dueMs) return
    this.disarm()
    this.#dueMs = atMs
    const onDue = (): void => {
      this.disarm()
      this.#onDue()
    }
    this.#cancel = this.#clock.schedule(Math.max(0, atMs - this.#clock.now()), onDue, this.#options)
  }

  disarm(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }
}
