/**
 * A connection that does not wait: everything is tried once, and met by a busy lock it has changed nothing. It writes to
 * no file that was lost (contract C2), and tells its errors as ours (C9). It waits as `connection.ts`, which stands on it.
 *
 * @module
 */
import type {
  BeginMode,
  Capabilities,
  Connector,
  MaybePromise,
  Role,
  Statement,
  StatementResult,
} from './connector.ts'
import type { DriverErrors } from './driver-errors.ts'
import { withoutStack } from './errors.ts'
import type { ConnectionOptions, PhysicalConnection } from './physical-connection.ts'

/** One try of everything, on a physical connection that may be replaced. */
export class ImpatientConnection {
  readonly role: Role
  /** Whether an error says that another connection holds the lock, or that the server cannot be used for the moment. */
  readonly isBusy: (error: unknown) => boolean
  protected readonly options: ConnectionOptions
  protected readonly errors: DriverErrors
  protected readonly physical: PhysicalConnection
  readonly #capabilities: Capabilities

  protected constructor(
    { capabilities }: Connector,
    options: ConnectionOptions,
    errors: DriverErrors,
    physical: PhysicalConnection,
  ) {
    this.role = physical.role
    this.isBusy = errors.isBusy
    this.options = options
    this.errors = errors
    this.physical = physical
    this.#capabilities = capabilities
  }

  /**
   * Whether a statement that ran can still fail, as strict integers refuse a row that it returned. Whoever runs a write
   * then has to undo it: a write that rejects must not be stored.
   */
  get readsStrictly(): boolean {
    return this.options.settings.integers === 'strict'
  }

  /** Whether a lone write may run outside a transaction here. */
  get autocommits(): boolean {
    return this.#capabilities.autocommit && !this.readsStrictly
  }

  /** Whether a lone write is through when {@linkcode ImpatientConnection.run} returns: there is nothing to await. */
  get runsAtOnce(): boolean {
    return this.physical.isReady && this.autocommits && this.#capabilities.synchronous === true
  }

  /** Whether writes go to the server in one round trip, instead of statement by statement inside a transaction. */
  get executesBatches(): boolean {
    return this.physical.driver.executeBatch !== undefined && !this.readsStrictly
  }

  /** Whether a transaction can be lost without this side being told: its first error is then the last that is certain. */
  get isRemote(): boolean {
    return this.#capabilities.remote === true
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.physical.inTransaction
  }

  /**
   * Runs one statement where the lock is held already, or where the caller waits for it: in a transaction, or as an
   * autocommit. Answers synchronously where the driver does, so that statements can follow each other without a yield.
   */
  run(statement: Statement): MaybePromise<StatementResult> {
    try {
      const result = this.physical.driver.execute(statement)
      return result instanceof Promise ? result.catch(this.#throwTranslated) : result
    } catch (error) {
      this.options.guard?.assertIntact()
      throw this.errors.translate(error)
    }
  }

  /**
   * Runs a lone write where {@linkcode ImpatientConnection.runsAtOnce}, if the lock is free: it is committed when this returns.
   * Throws the driver's own error: each that is caught and thrown again makes a poll dearer.
   */
  runLone(statement: Statement): StatementResult {
    this.guardWrite('before')
    const result = withoutStack(() => this.physical.driver.execute(statement)) as StatementResult
    this.guardWrite('after')
    return result
  }

  /** An error of the driver as ours; what is ours already stays as it is. */
  translate(error: unknown): unknown {
    return this.errors.translate(error)
  }

  /**
   * Runs statements in one round trip where {@linkcode ImpatientConnection.executesBatches}, if the lock is free: all of them
   * are committed when this resolves, and none when it rejects.
   *
   * @throws {OutcomeUnknownError} If the answer was lost.
   */
  async tryBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    try {
      return (await this.physical.driver.executeBatch?.(statements)) ?? []
    } catch (error) {
      throw this.errors.translate(error, 'write')
    }
  }

  /** Begins a transaction and takes its lock, if it is free. The driver leaves nothing behind when it is not. */
  async tryBegin(mode: BeginMode): Promise<void> {
    if (mode !== 'deferred') this.guardWrite('before')
    try {
      const begun = withoutStack(() => this.physical.driver.begin(mode))
      if (begun instanceof Promise) await begun
      if (mode === 'deferred' && !this.isRemote) await this.#takeReadLock()
    } catch (error) {
      // Of a busy one the last is translated, when the wait is over; of a server's each is, as its meaning is of this stage.
      throw !this.isRemote && this.isBusy(error) ? error : this.errors.translate(error, 'begin')
    }
  }

  /** Ends the transaction, if SQLite did not already. Never throws: a connection that cannot roll back is replaced. */
  async rollback(): Promise<void> {
    // SQLite may have rolled back by itself (sqlite.org/lang_transaction.html): a second ROLLBACK would hide the cause.
    if (!this.inTransaction) return
    try {
      await this.physical.driver.rollback()
    } catch {
      // Closed now, not at its next use: until then its lock would shut every other process out.
      this.physical.spoil()
      await this.physical.discard().catch(() => {})
    }
  }

  /** Has this physical connection replaced by a new one, initialized like the first, before its next use. */
  reset(): void {
    this.physical.spoil()
  }

  /** Closes the physical connection; an open transaction is rolled back by SQLite. */
  close(): Promise<void> {
    return this.physical.close()
  }

  /** Where statements do not survive BUSY, one that met it stays in progress and freezes the connection's snapshot. */
  protected spoilIfBusy(error: unknown): void {
    if (!this.autocommits && this.isBusy(error)) this.physical.spoil()
  }

  /** Only the writer's commits are at stake. Whoever has a transaction open rolls it back when this throws. */
  protected guardWrite(when: 'before' | 'after', statement?: Statement): void {
    const { guard } = this.options
    if (guard === undefined || this.role === 'reader') return
    if (when === 'before') guard.beforeWrite()
    // Leaving WAL mode deletes its files.
    else if (statement?.kind === 'alone' && /journal_mode/i.test(statement.sql)) guard.adopt()
    else guard.look()
  }

  /** DEFERRED takes no lock, so the first read would have to wait in the middle of the transaction. */
  async #takeReadLock(): Promise<void> {
    try {
      await this.physical.driver.exec('SELECT 1 FROM sqlite_schema LIMIT 1')
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  readonly #throwTranslated = (error: unknown): never => {
    throw this.errors.translate(error)
  }
}
