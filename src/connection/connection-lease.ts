/**
 * A connection in the hands of one transaction or session: the writer, or a reader.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import { OutcomeUnknownError, type UnbusyError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'

/** Held from the moment the connection is handed out until {@linkcode ConnectionLease.release}. */
export class ConnectionLease {
  readonly connection: PatientConnection
  readonly heldSinceMs: number
  /** Resolves when the holder gives the connection back, or the storage took it. */
  readonly released: Promise<void>
  readonly release: () => void
  /** Resolves when the storage takes the connection back, with the reason. */
  readonly revoked: Promise<UnbusyError>
  /** The text of the last statement, without its parameter values. */
  lastSql: string | undefined
  readonly #clock: Clock
  readonly #settleRevoked: (error: UnbusyError) => void
  #revokedBy: UnbusyError | undefined
  #revoking: Promise<boolean> | undefined
  #running = 0
  /** What the running work waits with, if it waits. */
  #wait: LockWait | undefined
  #idleSinceMs: number
  /** Told whether what ran last came through. */
  #onIdle: ((cameThrough: boolean) => void) | undefined

  constructor(connection: PatientConnection, clock: Clock) {
    this.connection = connection
    this.#clock = clock
    this.heldSinceMs = this.#idleSinceMs = clock.now()
    const released = Promise.withResolvers<void>()
    this.released = released.promise
    this.release = released.resolve
    const revoked = Promise.withResolvers<UnbusyError>()
    this.revoked = revoked.promise
    this.#settleRevoked = revoked.resolve
  }

  /** Set when the storage took the connection back: what comes after is refused with it. */
  get revokedBy(): UnbusyError | undefined {
    return this.#revokedBy
  }

  /** Milliseconds since the holder last did something. */
  idleMs(): number {
    return this.#running > 0 ? 0 : this.#clock.now() - this.#idleSinceMs
  }

  /**
   * Runs work of the holder.
   *
   * @param wait With which it waits for a lock: a revocation ends that wait.
   * @throws {UnbusyError} If the storage has taken the connection back; the reason.
   */
  async use<T>(work: (connection: PatientConnection) => Promise<T>, wait?: LockWait): Promise<T> {
    if (this.#revokedBy !== undefined) throw this.#revokedBy
    this.#running++
    this.#wait = wait
    let cameThrough = false
    try {
      const result = await work(this.connection)
      cameThrough = true
      return result
    } catch (error) {
      // Of what was under way, such as a COMMIT, it may be unknown whether it is stored: the reason says that it is not.
      throw error instanceof OutcomeUnknownError ? error : (this.#revokedBy ?? error)
    } finally {
      this.#running--
      this.#wait = undefined
      this.#idleSinceMs = this.#clock.now()
      if (this.#running === 0) this.#onIdle?.(cameThrough)
    }
  }

  /**
   * Takes the connection back and rolls back what is open on it. Resolves when that is done; the connection may go to
   * somebody else then. A second reason changes nothing.
   *
   * @param tidy Undoes what else the holder did to the connection. Must not throw.
   * @returns Whether it came in time: not if the COMMIT that was under way came through.
   */
  revoke(error: UnbusyError, tidy?: () => Promise<void>): Promise<boolean> {
    this.#revoking ??= this.#revoke(error, tidy)
    return this.#revoking
  }

  async #revoke(error: UnbusyError, tidy?: () => Promise<void>): Promise<boolean> {
    const { direct } = this.connection
    const wasInTransaction = direct.inTransaction
    let cameThrough = false
    this.#revokedBy = error
    // A COMMIT that waits for readers, as in a journal mode other than WAL, must not succeed any more.
    if (this.#wait !== undefined) this.#wait.abandonedBy = error
    // And it must be through with its tries: its next one would commit the transaction of whoever comes next.
    if (this.#running > 0) {
      cameThrough = await new Promise<boolean>((resolve) => {
        this.#onIdle = resolve
      })
    }
    const isInTime = !(wasInTransaction && cameThrough && !direct.inTransaction)
    await this.connection.rollback()
    await tidy?.()
    this.#settleRevoked(error)
    this.release()
    return isInTime
  }
}
