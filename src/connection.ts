/**
 * A connection that waits: the ONLY place where a lock is waited for (contract C3). Every wait goes through
 * {@linkcode PatientConnection.withLock}, but that of a COMMIT, which is in {@linkcode PatientConnection.commit}. What is
 * waited for, each time one try that never waits, is in `direct-connection.ts`.
 *
 * @module
 */
import { DirectConnection } from './connection/direct-connection.ts'
import { DriverErrors } from './connection/driver-errors.ts'
import { type ConnectionOptions, PhysicalConnection } from './connection/physical-connection.ts'
import type { BeginMode, Connector, Role, Statement, StatementResult } from './connector.ts'
import { type LockWait, restartLockWait, waitForLock } from './lock-wait.ts'
import type { Row } from './values.ts'

/** One connection of a storage, to its last day: the physical one may be replaced. */
export class PatientConnection {
  /** For those who hold the lock already, or wait for it themselves: it never waits. */
  readonly direct: DirectConnection
  /** Whether an error says that another connection holds the lock, or that the server cannot be used for the moment. */
  readonly isBusy: (error: unknown) => boolean
  readonly #options: ConnectionOptions
  readonly #errors: DriverErrors
  readonly #physical: PhysicalConnection

  private constructor(
    connector: Connector,
    options: ConnectionOptions,
    errors: DriverErrors,
    physical: PhysicalConnection,
  ) {
    this.direct = new DirectConnection(connector, options, errors, physical)
    this.isBusy = errors.isBusy
    this.#options = options
    this.#errors = errors
    this.#physical = physical
  }

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
      await patient.withLock(wait, async () => {})
    } catch (error) {
      await patient.close()
      throw errors.openError(error)
    }
    return patient
  }

  /**
   * Calls `attempt` until it does not meet a busy lock; met by one, it must have changed nothing.
   *
   * @param isBusy What is tried again.
   */
  withLock<T>(
    wait: LockWait,
    attempt: () => Promise<T>,
    isBusy: (error: unknown) => boolean = this.isBusy,
  ): Promise<T> {
    return waitForLock(wait, isBusy, () => {
      this.#options.guard?.assertIntact()
      return this.#physical.isReady ? attempt() : this.#physical.prepare().then(attempt)
    })
  }

  /** Runs one statement outside a transaction, waiting for the lock: it is committed, or nothing of it happened. */
  execute(statement: Statement, wait: LockWait): Promise<StatementResult> {
    return this.withLock(wait, () => this.tryExecute(statement, wait))
  }

  /**
   * Runs one statement outside a transaction, if the lock is free. A write gets one of its own where it needs that, and its
   * COMMIT is waited for.
   */
  tryExecute(statement: Statement, wait: LockWait): Promise<StatementResult> {
    const { direct } = this
    if (statement.kind !== 'write') return direct.execute(statement)
    if (direct.executesBatches) return this.#executeAsBatch(statement)
    return direct.autocommits ? direct.execute(statement) : this.#executeInTransaction(statement, wait)
  }

  /** Runs `work` in a transaction of its own and commits it, waiting for the lock. */
  async transaction<T>(wait: LockWait, work: () => Promise<T>): Promise<T> {
    await this.begin('immediate', wait)
    return this.#finish(work, wait)
  }

  /** The rows of a read one by one; the lock is waited for at the first. Close the iterator to free the connection. */
  async iterate(statement: Statement, wait: LockWait): Promise<Iterator<Row>> {
    try {
      return await this.withLock(wait, () => this.direct.iterate(statement))
    } catch (error) {
      throw this.#errors.translate(error, 'read')
    }
  }

  /** Begins a transaction and takes its lock, which is what is waited for: no statement inside has to wait any more. */
  begin(mode: BeginMode, wait: LockWait): Promise<void> {
    return this.withLock(wait, () => this.direct.begin(mode))
  }

  /**
   * Commits. In a journal mode other than WAL a COMMIT can be busy: the transaction stays open and is tried again. Whoever
   * began it rolls it back when this throws.
   */
  async commit(wait: LockWait): Promise<void> {
    const { writeGuard } = this.#physical
    writeGuard?.beforeWrite()
    try {
      await waitForLock(restartLockWait(wait), this.#isCommitBusy, () => this.#physical.driver.commit())
    } catch (error) {
      throw this.#errors.translate(error, 'commit')
    }
    writeGuard?.afterWrite()
  }

  /** {@linkcode DirectConnection.rollback}: there is nothing to wait for. */
  rollback(): Promise<void> {
    return this.direct.rollback()
  }

  /** Sets the role's pragmas again, after a session changed some. */
  async init(wait: LockWait): Promise<void> {
    if (!this.direct.isRemote) await this.withLock(wait, () => this.direct.setPragmas())
  }

  /** An error of the driver as ours; what is ours already stays as it is. */
  translate(error: unknown): unknown {
    return this.#errors.translate(error)
  }

  /** Has this physical connection replaced by a new one, initialized like the first, before its next use. */
  reset(): void {
    this.#physical.spoil()
  }

  /** Closes the physical connection; an open transaction is rolled back by SQLite. */
  close(): Promise<void> {
    return this.#physical.close()
  }

  async #executeAsBatch(statement: Statement): Promise<StatementResult> {
    return (await this.direct.executeBatch([statement]))[0] as StatementResult
  }

  async #executeInTransaction(statement: Statement, wait: LockWait): Promise<StatementResult> {
    await this.direct.begin('immediate')
    return this.#finish(async () => this.direct.run(statement), wait)
  }

  async #finish<T>(work: () => Promise<T>, wait: LockWait): Promise<T> {
    try {
      const result = await work()
      await this.commit(wait)
      return result
    } catch (error) {
      await this.direct.rollback()
      throw error
    }
  }

  /** A COMMIT that did not reach the server is not tried again: the transaction was lost with its stream. */
  readonly #isCommitBusy = (error: unknown): boolean =>
    this.#errors.isLockBusy(error) && this.direct.inTransaction
}
