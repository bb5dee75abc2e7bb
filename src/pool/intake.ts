/**
 * What a storage still takes in while it closes: less from step to step, so that everything called for before `close()`
 * is drained, and what comes after it is refused (contract C15).
 *
 * @module
 */
import { StorageClosedError } from '../errors.ts'

/** The doors of one storage, which its shutdown closes one after the other. */
export class Intake {
  readonly #location: string
  /** `close()` was called. */
  isClosing = false
  /** The buffers are empty: until then their flushes are calls like any other. */
  refusesCalls = false
  /** What was called for in time has arrived. */
  isStopped = false
  /** Calls that arrive part by part, as the slices of a bulk call do: until they have ended. */
  readonly calls: Set<Promise<unknown>> = new Set()

  /** @param location The database, for those who are refused. */
  constructor(location: string) {
    this.#location = location
  }

  /** @throws {StorageClosedError} If the storage is closing: nobody would drain what is new. */
  assertNotClosing(): void {
    if (this.isClosing) throw this.closedError()
  }

  /**
   * Asked in the turn of a call: what was called before `close()` is drained, what is called after it is refused.
   *
   * @throws {StorageClosedError} If the storage takes nothing new in.
   */
  assertTakesIn(): void {
    if (this.refusesCalls) throw this.closedError()
  }

  /** @throws {StorageClosedError} If what was taken in came too late to be drained. */
  assertOpen(): void {
    if (this.isStopped) throw this.closedError()
  }

  closedError(): StorageClosedError {
    return new StorageClosedError(`Cannot use the storage as it is closed: ${this.#location}`)
  }
}
