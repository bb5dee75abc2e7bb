/**
 * What a transaction has of the writer: the right to use it until it gives it back, or the storage takes it back.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { UnbusyError } from './errors.ts'
import type { Clock } from './lock-wait.ts'

/** The writer, held by one transaction or session. */
export class WriterLease {
  readonly writer: PatientConnection
  readonly #clock: Clock
  readonly #onRelease: () => void
  readonly heldSinceMs: number
  #running = 0
  #idleSinceMs: number
  /** Set when the storage took the writer back: what comes after is refused with it. */
  revokedBy: UnbusyError | undefined

  constructor(writer: PatientConnection, clock: Clock, onRelease: () => void) {
    this.writer = writer
    this.#clock = clock
    this.#onRelease = onRelease
    this.heldSinceMs = this.#idleSinceMs = clock.now()
  }

  /** Milliseconds since the holder last did something. */
  idleMs(): number {
    return this.#running > 0 ? 0 : this.#clock.now() - this.#idleSinceMs
  }

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

  release(): void {
    this.#onRelease()
  }
}
