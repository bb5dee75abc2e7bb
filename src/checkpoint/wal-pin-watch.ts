/**
 * Tells one reader that will not end from the many that come and go: an episode lasts from the first checkpoint that a
 * reader was in the way of to the first that got through.
 *
 * @module
 */
import type { WalPin } from '../events.ts'
import type { Clock } from '../time/clock.ts'

/** A stream of a second is no news. */
const reportAfterMs = 1_000

export class WalPinWatch {
  readonly #clock: Clock
  /** Since when the oldest stream or read-only transaction of the storage has been open. */
  readonly #ownSinceMs: () => number | undefined
  #metAtMs: number | undefined
  #isReported = false

  constructor(clock: Clock, ownSinceMs: () => number | undefined) {
    this.#clock = clock
    this.#ownSinceMs = ownSinceMs
  }

  /** A reader was in the way. */
  met(): void {
    this.#metAtMs ??= this.#clock.now()
  }

  /** A checkpoint got through. */
  ended(): void {
    this.#metAtMs = undefined
    this.#isReported = false
  }

  /** Who is in the way now. */
  get pin(): WalPin | undefined {
    if (this.#metAtMs === undefined) return undefined
    const ownSinceMs = this.#ownSinceMs()
    // One that began after the first checkpoint that failed did not make it fail.
    const isOwn = ownSinceMs !== undefined && ownSinceMs <= this.#metAtMs
    const sinceMs = isOwn ? ownSinceMs : this.#metAtMs
    return { reader: isOwn ? 'own' : 'other', since: Math.round(Date.now() - (this.#clock.now() - sinceMs)) }
  }

  /** The reader to be reported now: once an episode, when it has lasted. */
  takeReport(): WalPin | undefined {
    if (this.#metAtMs === undefined || this.#isReported) return undefined
    if (this.#clock.now() - this.#metAtMs < reportAfterMs) return undefined
    this.#isReported = true
    return this.pin
  }
}
