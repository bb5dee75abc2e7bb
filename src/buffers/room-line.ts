/**
 * Those who wait for room in a full queue, first come first served; none of them longer than its bound.
 *
 * @module
 */
import type { Clock } from '../time/clock.ts'
import { checkTimeout } from './flush-loop.ts'
import type { PushResult } from './write-behind.ts'

/** How long `push()` waits for room, with the overflow policy `wait`. */
export interface PushOptions {
  /** In milliseconds; then the row is not accepted. @default {30_000} */
  readonly timeoutMs?: number
  /** Ends the wait: `push()` rejects with its reason. */
  readonly signal?: AbortSignal
}

interface Waiter<Row> {
  readonly row: Row
  readonly leave: (result: PushResult) => void
}

/** A line of rows before a full queue. */
export class RoomLine<Row> {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter<Row>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Waits for {@linkcode RoomLine.next}, and answers what it gives; `late` if that takes too long. */
  join(row: Row, late: PushResult, { timeoutMs = 30_000, signal }: PushOptions = {}): Promise<PushResult> {
    return new Promise((resolve, reject) => {
      checkTimeout(timeoutMs)
      const quit = (): void => {
        this.#waiters.delete(waiter)
        cancelTimer()
        signal?.removeEventListener('abort', onAbort)
      }
      const leave = (result: PushResult): void => {
        quit()
        resolve(result)
      }
      const onAbort = (): void => {
        quit()
        reject(signal?.reason)
      }
      const waiter: Waiter<Row> = { row, leave }
      const cancelTimer = this.#clock.schedule(timeoutMs, () => leave(late))
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Lets the first one go with `result`, and answers its row. */
  next(result: PushResult): Row | undefined {
    for (const { row, leave } of this.#waiters) {
      leave(result)
      return row
    }
    return undefined
  }
}
