/**
 * Waits for a time in which nobody writes, to cut a WAL file that is larger than it need be: a TRUNCATE among writers would
 * shut them out for as long as it takes.
 *
 * @module
 */
import type { Clock } from '../time/clock.ts'

/** Nobody has written for so long. */
const idleMs = 2_000
/** Where it does not help, it is tried more and more seldom. */
const longestDelayMs = 30_000

/** What the watch asks of the checkpoints. */
export interface IdleWatchHost {
  readonly clock: Clock
  /** Whether the file is large enough to be worth it. */
  isLarge(): boolean
  /** Whether something writes, waits to write, or checkpoints. */
  isBusy(): boolean
  tidyUp(): void
  /** Whether another try may come to something else, although nobody wrote. */
  isWorthAnother(): boolean
}

/** Looks by timer, and only while the file is large. */
export class IdleWatch {
  readonly #host: IdleWatchHost
  #lastWriteMs = 0
  #delayMs = idleMs
  #cancel: (() => void) | undefined

  constructor(host: IdleWatchHost) {
    this.#host = host
  }

  /** To be told of each write. */
  noteWrite(atMs: number): void {
    this.#lastWriteMs = atMs
  }

  /** To be told that the file is large; the next look is at its time. */
  start(delayMs: number = this.#delayMs): void {
    const look = (): void => {
      this.#cancel = undefined
      this.#look()
    }
    // Nobody waits for it: unlike a pending write it lets the process end (contract C15).
    this.#cancel ??= this.#host.clock.schedule(delayMs, look, { keepsAlive: false })
  }

  stop(): void {
    this.#cancel?.()
  }

  #look(): void {
    const { clock, isLarge, isBusy, tidyUp, isWorthAnother } = this.#host
    const restMs = this.#lastWriteMs + idleMs - clock.now()
    // A smaller file is worth no work; the next write that makes it grow starts this again.
    if (!isLarge()) this.#delayMs = idleMs
    else if (restMs > 1 || isBusy()) {
      this.#delayMs = idleMs
      this.start(restMs > 1 ? restMs : idleMs)
    } else {
      tidyUp()
      this.#delayMs = Math.min(2 * this.#delayMs, longestDelayMs)
      if (isWorthAnother()) this.start()
    }
  }
}
