/**
 * A connection that waits: the ONLY place where a lock is waited for, and where an error leaves no transaction behind
 * (contracts C3, C10). Which physical connection it is, and what the driver's errors mean, is decided below.
 *
 * @module
 */
import { setPragmas } from './connection-init.ts'
import type { BeginMode, Connector, MaybePromise, Role, Statement, StatementResult } from './connector.ts'
import { DriverErrors } from './driver-errors.ts'
import { OutcomeUnknownError, SqliteError, withoutStack } from './errors.ts'
import { type LockWait, restartLockWait, waitForLock } from './lock-wait.ts'
import { type ConnectionOptions, PhysicalConnection } from './physical-connection.ts'
import { startIterator } from './started-iterator.ts'
import type { Row } from './values.ts'

/** One connection of a storage, to its last day: the physical one may be replaced. */
export class PatientConnection {
  readonly role: Role
  /** Whether an error says that another connection holds the lock, or that the server cannot be used for the moment. */
  readonly isBusy: (error: unknown) => boolean
  readonly #connector: Connector
  readonly #options: ConnectionOptions
  readonly #errors: DriverErrors
  readonly #physical: PhysicalConnection

  private constructor(
    connector: Connector,
    options: ConnectionOptions,
    errors: DriverErrors,
    physical: PhysicalConnection,
  ) {
    this.#connector = connector
    this.role = physical.role
    this.#options = options
    this.#errors = errors
    this.#physical = physical
    this.isBusy = errors.isBusy
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
      await patient.#waiting(wait, () => {})
    } catch (error) {
      await patient.close()
      throw errors.openError(error)
    }
    return patient
  }

  /**
   * Whether a statement that ran can still fail, as strict integers refuse a row that it returned. Whoever runs a write
   * then has to undo it: a write that rejects must not be stored.
   */
  get readsStrictly(): boolean {
    return this.#options.settings.integers === 'strict'
  }

  /** Whether a lone write may run outside a transaction here. */
  get autocommits(): boolean {
    return this.#connector.capabilities.autocommit && !this.readsStrictly
  }

  /** Whether a lone write is through when {@linkcode PatientConnection.run} returns: there is nothing to await. */
  get runsAtOnce(): boolean {
    return this.#physical.isReady && this.autocommits && this.#connector.capabilities.synchronous === true
  }

  /** Whether writes go to the server in one round trip, instead of statement by statement inside a transaction. */
  get executesBatches(): boolean {
    return this.#physical.driver.executeBatch !== undefined && !this.readsStrictly
  }

  /** Whether a transaction can be lost without this side being told: its first error is then the last that is certain. */
  get isRemote(): boolean {
    return this.#connector.capabilities.remote === true
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.#physical.inTransaction
  }

  /** Calls `attempt` until it does not meet a busy lock; met by one, it must have changed nothing. */
  withLock<T>(wait: LockWait, attempt: () => Promise<T>): Promise<T> {
    return waitForLock(wait, this.isBusy, () => {
      this.#options.guard?.assertIntact()
      return this.#physical.isReady ? attempt() : this.#physical.prepare().then(attempt)
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
    if (statement.kind !== 'read') this.#guardWrite('before')
    try {
      const result = await this.#physical.driver.execute(statement)
      if (statement.kind !== 'read') this.#guardWrite('after', statement)
      return result
    } catch (error) {
      this.#spoilIfBusy(error)
      // What fails outside a transaction must leave none behind; SQLite is asked, not assumed.
      if (this.inTransaction) await this.rollback()
      throw this.#errors.translate(error, statement.kind === 'read' ? 'read' : 'write')
    }
  }

  /**
   * Runs statements in one round trip where {@linkcode PatientConnection.executesBatches}, if the lock is free: all of them
   * are committed when this resolves, and none when it rejects.
   *
   * @throws {OutcomeUnknownError} If the answer was lost.
   */
  async tryBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    try {
      return (await this.#physical.driver.executeBatch?.(statements)) ?? []
    } catch (error) {
      throw this.#errors.translate(error, 'write')
    }
  }

  /**
   * Runs statements in one round trip, waiting for the lock: all of them are committed, or none.
   *
   * @param isRepeatable Whether they can be sent again when the answer was lost, until the budget is over.
   * @throws {OutcomeUnknownError} If an answer was lost, and no later one said what became of it.
   */
  async batch(
    statements: readonly Statement[],
    wait: LockWait,
    isRepeatable = false,
  ): Promise<readonly StatementResult[]> {
    let lost: OutcomeUnknownError | undefined
    const noteLost = (error: unknown): boolean => {
      if (!(error instanceof OutcomeUnknownError)) return false
      lost = error
      return true
    }
    const isPassing = (error: unknown): boolean => this.isBusy(error) || (isRepeatable && noteLost(error))
    try {
      return await waitForLock(wait, isPassing, () => this.tryBatch(statements))
    } catch (error) {
      // Whoever is told that nothing ran would do it again.
      if (lost !== undefined && !(error instanceof SqliteError)) throw lost
      throw error
    }
  }

  /**
   * Runs one statement where the lock is held already, or where the caller waits for it: in a transaction, or as an
   * autocommit. Answers synchronously where the driver does, so that statements can follow each other without a yield.
   */
  run(statement: Statement): MaybePromise<StatementResult> {
    try {
      const result = this.#physical.driver.execute(statement)
      return result instanceof Promise ? result.catch(this.#throwTranslated) : result
    } catch (error) {
      this.#options.guard?.assertIntact()
      throw this.#errors.translate(error)
    }
  }

  /**
   * Runs a lone write where {@linkcode PatientConnection.runsAtOnce}, if the lock is free: it is committed when this returns.
   * Throws the driver's own error: each that is caught and thrown again makes a poll dearer.
   */
  runLone(statement: Statement): StatementResult {
    this.#guardWrite('before')
    const result = withoutStack(() => this.#physical.driver.execute(statement)) as StatementResult
    this.#guardWrite('after')
    return result
  }

  /** An error of the driver as ours; what is ours already stays as it is. */
  translate(error: unknown): unknown {
    return this.#errors.translate(error)
  }

  /** Runs `work` in a transaction of its own and commits it, waiting for the lock. */
  async transaction<T>(wait: LockWait, work: () => Promise<T>): Promise<T> {
    await this.begin('immediate', wait)
    return this.#finish(work, wait)
  }

  /** The rows of a read one by one; the lock is waited for at the first. Close the iterator to free the connection. */
  async iterate(statement: Statement, wait: LockWait): Promise<Iterator<Row>> {
    const translate = (error: unknown): unknown => this.#errors.translate(error, 'read')
    try {
      return await this.#waiting(wait, async () => {
        const rows =
          this.#physical.driver.iterate?.(statement) ?? (await this.#physical.driver.execute(statement)).rows
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

  /** Begins a transaction and takes its lock, if it is free. The driver leaves nothing behind when it is not. */
  async tryBegin(mode: BeginMode): Promise<void> {
    if (mode !== 'deferred') this.#guardWrite('before')
    try {
      const begun = withoutStack(() => this.#physical.driver.begin(mode))
      if (begun instanceof Promise) await begun
      if (mode === 'deferred' && !this.isRemote) await this.#takeReadLock()
    } catch (error) {
      // Of a busy one the last is translated, when the wait is over; of a server's each is, as its meaning is of this stage.
      throw !this.isRemote && this.isBusy(error) ? error : this.#errors.translate(error, 'begin')
    }
  }

  /** Commits. In a journal mode other than WAL a COMMIT can be busy: the transaction stays open and is tried again. */
  async commit(wait: LockWait): Promise<void> {
    this.#guardWrite('before')
    try {
      await waitForLock(restartLockWait(wait), this.#isCommitBusy, () => this.#physical.driver.commit())
    } catch (error) {
      throw this.#errors.translate(error, 'commit')
    }
    this.#guardWrite('after')
  }

  /** Ends the transaction, if SQLite did not already. Never throws: a connection that cannot roll back is replaced. */
  async rollback(): Promise<void> {
    // SQLite may have rolled back by itself (sqlite.org/lang_transaction.html): a second ROLLBACK would hide the cause.
    if (!this.inTransaction) return
    try {
      await this.#physical.driver.rollback()
    } catch {
      // Closed now, not at its next use: until then its lock would shut every other process out.
      this.#physical.spoil()
      await this.#physical.discard().catch(() => {})
    }
  }

  /** Sets the role's pragmas again, after a session changed some. */
  async init(wait: LockWait): Promise<void> {
    if (this.isRemote) return
    await this.#waiting(wait, () => setPragmas(this.#physical.driver, this.role, this.#options))
  }

  /** Has this physical connection replaced by a new one, initialized like the first, before its next use. */
  reset(): void {
    this.#physical.spoil()
  }

  /** Closes the physical connection; an open transaction is rolled back by SQLite. */
  close(): Promise<void> {
    return this.#physical.close()
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
        this.#spoilIfBusy(error)
        throw error
      }
    })
  }

  /** Where statements do not survive BUSY, one that met it stays in progress and freezes the connection's snapshot. */
  #spoilIfBusy(error: unknown): void {
    if (!this.autocommits && this.isBusy(error)) this.#physical.spoil()
  }

  /** DEFERRED takes no lock, so the first read would have to wait in the middle of the transaction. */
  async #takeReadLock(): Promise<void> {
    try {
      await this.#physical.driver.exec('SELECT 1 FROM sqlite_schema LIMIT 1')
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  /** Only the writer's commits are at stake. Whoever has a transaction open rolls it back when this throws. */
  #guardWrite(when: 'before' | 'after', statement?: Statement): void {
    const { guard } = this.#options
    if (guard === undefined || this.role === 'reader') return
    if (when === 'before') guard.beforeWrite()
    // Leaving WAL mode deletes its files.
    else if (statement?.kind === 'alone' && /journal_mode/i.test(statement.sql)) guard.adopt()
    else guard.look()
  }

  /** A COMMIT that did not reach the server is not tried again: the transaction was lost with its stream. */
  readonly #isCommitBusy = (error: unknown): boolean => this.#errors.isLockBusy(error) && this.inTransaction

  readonly #throwTranslated = (error: unknown): never => {
    throw this.#errors.translate(error)
  }
}
