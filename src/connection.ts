/**
 * A connection that waits: the ONLY place where a lock is waited for (contract C3), and where an error of what was called
 * leaves no transaction behind (C10). Every wait goes through {@linkcode PatientConnection.withLock}, but that of a COMMIT,
 * which is in {@linkcode PatientConnection.commit}. What one try is, without waiting, is `impatient-connection.ts`.
 *
 * @module
 */
import { setPragmas } from './connection-init.ts'
import type { BeginMode, Connector, Role, Statement, StatementResult } from './connector.ts'
import { DriverErrors } from './driver-errors.ts'
import { ImpatientConnection } from './impatient-connection.ts'
import { type LockWait, restartLockWait, waitForLock } from './lock-wait.ts'
import { type ConnectionOptions, PhysicalConnection } from './physical-connection.ts'
import { startIterator } from './started-iterator.ts'
import type { Row } from './values.ts'

/** One connection of a storage, to its last day: the physical one may be replaced. */
export class PatientConnection extends ImpatientConnection {
  /**
   * Opens and initializes a connection; meeting a lock, as the first switch to WAL does, it waits within the budget.
   *
   * @throws {OpenError} If the file cannot be opened, or is not a database.
   * @throws {LockTimeoutError} If the lock was not free in time.
   */
  static async open(
    connector: Connector,
    role: Role,
    options: ConnectionOptions,
    wait: LockWait,
  ): Promise<PatientConnection> {
    const errors = new DriverErrors(connector)
    const physical = await PhysicalConnection.open(connector, role, options, errors)
    const patient = new PatientConnection(connector, options, errors, physical)
    try {
      await patient.#waiting(wait, () => {})
    } catch (error) {
      await patient.close()
      throw errors.openError(error)
    }
    return patient
  }

  /**
   * Calls `attempt` until it does not meet a busy lock; met by one, it must have changed nothing.
   *
   * @param isBusy What else than a busy lock is tried again.
   */
  withLock<T>(
    wait: LockWait,
    attempt: () => Promise<T>,
    isBusy: (error: unknown) => boolean = this.isBusy,
  ): Promise<T> {
    return waitForLock(wait, isBusy, () => {
      this.options.guard?.assertIntact()
      return this.physical.isReady ? attempt() : this.physical.prepare().then(attempt)
    })
  }

  /** Runs one statement outside a transaction, waiting for the lock: it is committed, or nothing of it happened. */
  execute(statement: Statement, wait: LockWait): Promise<StatementResult> {
    return this.withLock(wait, () => this.tryExecute(statement, wait))
  }

  /** Runs one statement outside a transaction, if the lock is free. */
  async tryExecute(statement: Statement, wait: LockWait): Promise<StatementResult> {
    if (statement.kind === 'write' && this.executesBatches) {
      return (await this.tryBatch([statement]))[0] as StatementResult
    }
    if (statement.kind === 'write' && !this.autocommits) {
      await this.tryBegin('immediate')
      return this.#finish(async () => this.run(statement), wait)
    }
    if (statement.kind !== 'read') this.guardWrite('before')
    try {
      const result = await this.physical.driver.execute(statement)
      if (statement.kind !== 'read') this.guardWrite('after', statement)
      return result
    } catch (error) {
      this.spoilIfBusy(error)
      // What fails outside a transaction must leave none behind; SQLite is asked, not assumed.
      if (this.inTransaction) await this.rollback()
      throw this.errors.translate(error, statement.kind === 'read' ? 'read' : 'write')
    }
  }

  /** Runs `work` in a transaction of its own and commits it, waiting for the lock. */
  async transaction<T>(wait: LockWait, work: () => Promise<T>): Promise<T> {
    await this.begin('immediate', wait)
    return this.#finish(work, wait)
  }

  /** The rows of a read one by one; the lock is waited for at the first. Close the iterator to free the connection. */
  async iterate(statement: Statement, wait: LockWait): Promise<Iterator<Row>> {
    const translate = (error: unknown): unknown => this.errors.translate(error, 'read')
    try {
      return await this.#waiting(wait, async () => {
        const rows =
          this.physical.driver.iterate?.(statement) ?? (await this.physical.driver.execute(statement)).rows
        return startIterator(rows, translate)
      })
    } catch (error) {
      throw translate(error)
    }
  }

  /** Begins a transaction and takes its lock, which is what is waited for: no statement inside has to wait any more. */
  begin(mode: BeginMode, wait: LockWait): Promise<void> {
    return this.withLock(wait, () => this.tryBegin(mode))
  }

  /** Commits. In a journal mode other than WAL a COMMIT can be busy: the transaction stays open and is tried again. */
  async commit(wait: LockWait): Promise<void> {
    this.guardWrite('before')
    try {
      await waitForLock(restartLockWait(wait), this.#isCommitBusy, () => this.physical.driver.commit())
    } catch (error) {
      throw this.errors.translate(error, 'commit')
    }
    this.guardWrite('after')
  }

  /** Sets the role's pragmas again, after a session changed some. */
  async init(wait: LockWait): Promise<void> {
    if (this.isRemote) return
    await this.#waiting(wait, () => setPragmas(this.physical.driver, this.role, this.options))
  }

  async #finish<T>(work: () => Promise<T>, wait: LockWait): Promise<T> {
    try {
      const result = await work()
      await this.commit(wait)
      return result
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  /** Waits for the lock around anything but BEGIN and COMMIT. */
  async #waiting<T>(wait: LockWait, attempt: () => T | Promise<T>): Promise<T> {
    return this.withLock(wait, async () => {
      try {
        return await attempt()
      } catch (error) {
        this.spoilIfBusy(error)
        throw error
      }
    })
  }

  /** A COMMIT that did not reach the server is not tried again: the transaction was lost with its stream. */
  readonly #isCommitBusy = (error: unknown): boolean => this.errors.isLockBusy(error) && this.inTransaction
}
