/**
 * The writer in the hands of one transaction or session.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { UnbusyError } from './errors.ts'
import type { Clock } from './lock-wait.ts'

/** Held from the moment the queue hands the writer out until {@linkcode WriterLease.release}. */
export class WriterLease {
  readonly writer: PatientConnection
  readonly heldSinceMs: number
  /** Resolves when the holder gives the writer back. */
  readonly released: Promise<void>
  readonly release: () => void
  /** Set when the storage took the writer back: what comes after is refused with it. */
  revokedBy: UnbusyError | undefined
  readonly #clock: Clock
  #running = 0
  #idleSinceMs: number

  constructor(writer: PatientConnection, clock: Clock) {
    this.writer = writer
    this.#clock = clock
    this.heldSinceMs = this.#idleSinceMs = clock.now()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.released = promise
    this.release = resolve
  }

  /** Milliseconds since the holder last did something. */
  idleMs(): number {
    return this.#running > 0 ? 0 : this.#clock.now() - this.#idleSinceMs
  }

  /** @throws {StorageClosedError} If the storage has taken the writer back. */
  async use<T>(work: (writer: PatientConnection) => Promise<T>): Promise<T> {
    if (this.revokedBy !== undefined) throw this.revokedBy
    this.#running++
    try {
      return await work(this.writer)
    } catch (error) {
      throw this.revokedBy ?? error
    } finally {
      this.#running--
      this.#idleSinceMs = this.#clock.now()
    }
  }
}
