/**
 * Who waits for a reader of his own while all are lent: first come, first served, each for as long as its budget lasts.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import { type LockWait, lockTimeout } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'
import { EarliestTimer } from '../time/earliest-timer.ts'

interface Waiter {
  readonly wait: LockWait
  resolve(reader: Promise<PatientConnection>): void
  reject(error: unknown): void
}

/** One line, with one timer for all who stand in it. */
export class ReaderLine {
  readonly #clock: Clock
  readonly #reason: string
  /** In the order of their calls. */
  readonly #waiters = new Set<Waiter>()
  readonly #deadline: EarliestTimer

  /** @param reason What is told to those whose budget ends: why there was no reader. */
  constructor(clock: Clock, reason: string) {
    this.#clock = clock
    this.#reason = reason
    this.#deadline = new EarliestTimer(clock, () => this.#expire())
  }

  get isEmpty(): boolean {
    return this.#waiters.size === 0
  }

  /**
   * Stands in the line.
   *
   * @throws {LockTimeoutError} If its turn did not come within the budget; or the reason of its signal.
   */
  wait(wait: LockWait): Promise<PatientConnection> {
    const { signal, deadlineMs } = wait
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiter.reject(signal?.reason)
      const leave = (): void => {
        this.#waiters.delete(waiter)
        if (this.isEmpty) this.#deadline.disarm()
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        wait,
        resolve(reader) {
          leave()
          resolve(reader)
        },
        reject(error) {
          leave()
          reject(error)
        },
      }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#deadline.arm(deadlineMs)
    })
  }

  /** The first in the line gets it. */
  serveFirst(reader: Promise<PatientConnection>): void {
    const [first] = this.#waiters
    first?.resolve(reader)
  }

  rejectAll(error: unknown): void {
    for (const { reject } of this.#waiters) reject(error)
  }

  #expire(): void {
    const nowMs = this.#clock.now()
    for (const { wait, reject } of this.#waiters) {
      if (wait.deadlineMs <= nowMs) reject(lockTimeout(wait, this.#reason))
      else this.#deadline.arm(wait.deadlineMs)
    }
  }
}
