/**
 * The physical connections that one session holds: the writer, from its first write or BEGIN on, or a reader while a
 * read-only transaction is open.
 *
 * @module
 */
import { ConnectionLease } from '../connection/connection-lease.ts'
import { SessionPragmas } from '../connection/session-pragmas.ts'
import type { PatientConnection } from '../connection.ts'
import type { BeginMode } from '../connector.ts'
import { type UnbusyError, UnsupportedError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { ConnectionPool } from '../pool.ts'
import { watchdogOf } from './transaction-watchdog.ts'

/** Takes connections from the pool no earlier than they are needed, and gives them back. */
export class HeldConnections {
  readonly #pool: ConnectionPool
  readonly #onRevoked: (error: UnbusyError) => void
  #lease: ConnectionLease | undefined
  #reader: ConnectionLease | undefined
  /** What the session has set on the connection. */
  readonly pragmas: SessionPragmas
  /** What it holds may be held for longer than `maxTransactionMs`. */
  hasNoTimeLimit = false

  /** @param onRevoked Told when the storage took a connection back. */
  constructor(pool: ConnectionPool, onRevoked: (error: UnbusyError) => void) {
    this.#pool = pool
    this.#onRevoked = onRevoked
    this.pragmas = new SessionPragmas(pool.connector)
  }

  /** The writer, if it is held. */
  get lease(): ConnectionLease | undefined {
    return this.#lease
  }

  /** Waits for the writer and keeps it until {@linkcode HeldConnections.release}. */
  async own(
    wait: LockWait,
    take: (writer: PatientConnection) => Promise<void> = async () => {},
  ): Promise<ConnectionLease> {
    this.#lease ??= this.#watched('writer', await this.#pool.queue.own(wait, take))
    return this.#lease
  }

  /** Begins a transaction on the writer, or if it is read-only on a reader of its own. */
  async begin(mode: BeginMode, isReadOnly: boolean, wait: LockWait): Promise<PatientConnection> {
    this.#assertInteractive()
    const begin = (connection: PatientConnection): Promise<void> => connection.begin(mode, wait)
    if (this.#lease !== undefined) await this.#lease.use(begin, wait)
    else if (isReadOnly && !this.#pool.readsOnWriter) return this.#beginOnReader(begin, wait)
    // The queue waits for the lock: until it is free, others may come first.
    return (this.#lease ?? (await this.own(wait, (writer) => writer.direct.begin(mode)))).connection
  }

  /**
   * Runs work of the transaction that is open.
   *
   * @throws {UnbusyError} If the storage took the connection back.
   */
  use<T>(work: () => Promise<T>, { sql, wait }: { sql?: string; wait?: LockWait } = {}): Promise<T> {
    const lease = this.#lease ?? this.#reader
    if (lease === undefined) return work()
    if (sql !== undefined) lease.lastSql = sql
    return lease.use(work, wait)
  }

  giveBackReader(): void {
    this.#reader?.release()
    this.#reader = undefined
  }

  /** Gives the writer back without an open transaction and, if the session changed some, with its pragmas as they were. */
  async release(): Promise<void> {
    const lease = this.#lease
    if (lease === undefined) return
    try {
      const wait = this.#pool.startWait()
      await lease.use(async (writer) => {
        await writer.rollback()
        await this.#tidy(writer, wait)
      }, wait)
    } catch {
      // A revoked writer is out of our hands.
    } finally {
      this.#lease = undefined
      // Of a revoked one the storage disposes: what ran on it may not be through.
      if (lease.revokedBy === undefined) lease.release()
    }
  }

  /** Never throws: a connection whose pragmas could not be set back is not for the next caller. */
  async #tidy(connection: PatientConnection, wait: LockWait = this.#pool.startWait()): Promise<void> {
    if (!this.pragmas.areSet) return
    try {
      await this.pragmas.restore((statement) => connection.direct.run(statement))
      await connection.init(wait)
    } catch {
      connection.reset()
    }
  }

  #assertInteractive(): void {
    const { name, capabilities } = this.#pool.connector
    if (capabilities.interactiveTransactions !== false) return
    throw new UnsupportedError(
      `Cannot begin a transaction as ${name} has none whose statements follow each other: use storage.batch()`,
    )
  }

  async #beginOnReader(
    begin: (connection: PatientConnection) => Promise<void>,
    wait: LockWait,
  ): Promise<PatientConnection> {
    this.#pool.intake.assertOpen()
    const reader = await this.#pool.readers.borrow(wait)
    try {
      await begin(reader)
    } catch (error) {
      this.#pool.readers.giveBack(reader)
      throw error
    }
    const lease = this.#watched('reader', new ConnectionLease(reader, this.#pool.clock))
    void lease.released.then(() => this.#pool.readers.giveBack(reader))
    this.#reader = lease
    return reader
  }

  #watched(holds: 'writer' | 'reader', lease: ConnectionLease): ConnectionLease {
    void lease.revoked.then(this.#onRevoked)
    const unwatch = watchdogOf(this.#pool).watch({
      holds,
      lease,
      ...(!this.hasNoTimeLimit && {
        // Asked again: migrations may have begun meanwhile, in a db.connection() that had written before.
        end: async (error) => !this.hasNoTimeLimit && lease.revoke(error, () => this.#tidy(lease.connection)),
      }),
    })
    void lease.released.then(unwatch)
    return lease
  }
}
