/**
 * The physical connections that one session holds: the writer, from its first write or BEGIN on, or a reader while a
 * read-only transaction is open.
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { BeginMode } from './connector.ts'
import type { LockWait } from './lock-wait.ts'
import type { ConnectionPool } from './pool.ts'
import type { WriterLease } from './writer-lease.ts'

/** Takes connections from the pool no earlier than they are needed, and gives them back. */
export class HeldConnections {
  readonly #pool: ConnectionPool
  #lease: WriterLease | undefined
  #reader: PatientConnection | undefined

  constructor(pool: ConnectionPool) {
    this.#pool = pool
  }

  get lease(): WriterLease | undefined {
    return this.#lease
  }

  /** Waits for the writer and keeps it until {@linkcode HeldConnections.release}. */
  async own(
    wait: LockWait,
    take: (writer: PatientConnection) => Promise<void> = async () => {},
  ): Promise<WriterLease> {
    this.#lease ??= await this.#pool.queue.own(wait, take)
    return this.#lease
  }

  /** Begins a transaction on the writer, or if it is read-only on a reader of its own. */
  async begin(mode: BeginMode, isReadOnly: boolean, wait: LockWait): Promise<PatientConnection> {
    const begin = (connection: PatientConnection): Promise<void> => connection.begin(mode, wait)
    if (this.#lease !== undefined) await this.#lease.use(begin)
    else if (isReadOnly && !this.#pool.readsOnWriter) return this.#beginOnReader(begin, wait)
    // The queue waits for the lock: until it is free, others may come first.
    return (this.#lease ?? (await this.own(wait, (writer) => writer.tryBegin(mode)))).writer
  }

  /** @throws {UnbusyError} If the storage took the writer back. */
  use<T>(work: () => Promise<T>): Promise<T> {
    return this.#lease === undefined ? work() : this.#lease.use(work)
  }

  giveBackReader(): void {
    if (this.#reader !== undefined) this.#pool.readers.giveBack(this.#reader)
    this.#reader = undefined
  }

  /** Gives the writer back without an open transaction and, if the session changed some, with its pragmas as they were. */
  async release(hasSetPragma: boolean): Promise<void> {
    const lease = this.#lease
    if (lease === undefined) return
    try {
      await lease.use(async (writer) => {
        await writer.rollback()
        if (hasSetPragma) await writer.init(this.#pool.startWait())
      })
    } catch {
      // A revoked writer is out of our hands; one whose pragmas could not be set back is not for the next caller.
      if (lease.revokedBy === undefined) lease.writer.reset()
    } finally {
      this.#lease = undefined
      lease.release()
    }
  }

  async #beginOnReader(
    begin: (connection: PatientConnection) => Promise<void>,
    wait: LockWait,
  ): Promise<PatientConnection> {
    this.#pool.assertOpen()
    const reader = await this.#pool.readers.borrow(wait)
    try {
      await begin(reader)
    } catch (error) {
      this.#pool.readers.giveBack(reader)
      throw error
    }
    this.#reader = reader
    return reader
  }
}
