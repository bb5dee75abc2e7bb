/**
 * A connection as it is, without waiting: everything is tried once, and met by a busy lock it has changed nothing. It
 * writes to no file that was lost (contract C2), and tells its errors as ours (C9). Whoever holds the lock works with it,
 * as in a transaction; who has to wait for the lock does so in `connection.ts`.
 *
 * @module
 */
import type {
  BeginMode,
  Capabilities,
  Connector,
  MaybePromise,
  Statement,
  StatementResult,
} from '../connector.ts'
import { withoutStack } from '../errors.ts'
import type { Row } from '../values.ts'
import { setPragmas } from './connection-init.ts'
import type { DriverErrors } from './driver-errors.ts'
import type { RunAlone } from './lone-write.ts'
import type { ConnectionOptions, PhysicalConnection } from './physical-connection.ts'
import { startIterator } from './started-iterator.ts'

/** One try of everything, on the physical connection that there is at the moment. */
export class DirectConnection {
  readonly #capabilities: Capabilities
  readonly #options: ConnectionOptions
  readonly #errors: DriverErrors
  readonly #physical: PhysicalConnection

  constructor(
    { capabilities }: Connector,
    options: ConnectionOptions,
    errors: DriverErrors,
    physical: PhysicalConnection,
  ) {
    this.#capabilities = capabilities
    this.#options = options
    this.#errors = errors
    this.#physical = physical
  }

  /**
   * Whether a statement that ran can still fail, as strict integers or the driver refuse a row that it returned. Whoever runs
   * a write then has to undo it: a write that rejects must not be stored.
   */
  get mayRefuseRows(): boolean {
    return this.#options.settings.integers === 'strict' || this.#physical.driver.mayRefuseRows === true
  }

  /** Whether a lone write may run outside a transaction here. */
  get autocommits(): boolean {
    return this.#capabilities.autocommit && !this.mayRefuseRows
  }

  /** Whether a lone write is through when {@linkcode DirectConnection.runLone} returns: there is nothing to await. */
  get runsAtOnce(): boolean {
    return this.#physical.isReady && this.autocommits && this.#capabilities.synchronous === true
  }

  /** Whether writes go to the server in one round trip, instead of statement by statement inside a transaction. */
  get executesBatches(): boolean {
    return this.#physical.driver.executeBatch !== undefined && !this.mayRefuseRows
  }

  /** Whether a transaction can be lost without this side being told: its first error is then the last that is certain. */
  get isRemote(): boolean {
    return this.#capabilities.remote === true
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.#physical.inTransaction
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
   * Runs a lone write where {@linkcode DirectConnection.runsAtOnce}: it is committed when this returns. Throws the driver's
   * own error: each that is caught and thrown again makes a poll dearer.
   */
  runLone(statement: Statement, run: RunAlone): StatementResult {
    const { writeGuard, driver } = this.#physical
    writeGuard?.beforeWrite()
    const result = withoutStack(() => run(driver, statement))
    writeGuard?.afterWrite()
    return result
  }

  /** Runs one statement outside a transaction. */
  async execute(statement: Statement): Promise<StatementResult> {
    const isRead = statement.kind === 'read'
    const { writeGuard } = this.#physical
    if (!isRead) writeGuard?.beforeWrite()
    try {
      const result = await this.#physical.driver.execute(statement)
      if (!isRead) writeGuard?.afterWrite(statement)
      return result
    } catch (error) {
      this.#spoilIfBusy(error)
      // What fails outside a transaction must leave none behind; SQLite is asked, not assumed.
      if (this.inTransaction) await this.rollback()
      throw this.#errors.translate(error, isRead ? 'read' : 'write')
    }
  }

  /**
   * Runs statements in one round trip where {@linkcode DirectConnection.executesBatches}: all of them are committed when
   * this resolves, and none when it rejects.
   *
   * @throws {OutcomeUnknownError} If the answer was lost.
   */
  async executeBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    try {
      return (await this.#physical.driver.executeBatch?.(statements)) ?? []
    } catch (error) {
      throw this.#errors.translate(error, 'write')
    }
  }

  /** The rows of a read one by one. The first is read here. */
  async iterate(statement: Statement): Promise<Iterator<Row>> {
    const { driver } = this.#physical
    try {
      const rows = driver.iterate?.(statement) ?? (await driver.execute(statement)).rows
      return startIterator(rows, (error) => this.#errors.translate(error, 'read'))
    } catch (error) {
      this.#spoilIfBusy(error)
      // Of a server's its meaning is of this stage: a read can be asked for again.
      throw this.#errors.translate(error, 'read')
    }
  }

  /** Begins a transaction and takes its lock. The driver leaves nothing behind when it is not free. */
  async begin(mode: BeginMode): Promise<void> {
    if (mode !== 'deferred') this.#physical.writeGuard?.beforeWrite()
    try {
      const begun = withoutStack(() => this.#physical.driver.begin(mode))
      if (begun instanceof Promise) await begun
      if (mode === 'deferred' && !this.isRemote) await this.#takeReadLock()
    } catch (error) {
      // Of a busy one the last is translated, when the wait is over; of a server's each is, as its meaning is of this stage.
      throw !this.isRemote && this.#errors.isBusy(error) ? error : this.#errors.translate(error, 'begin')
    }
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

  /** Sets the role's pragmas again. */
  async setPragmas(): Promise<void> {
    const { driver, role } = this.#physical
    try {
      await setPragmas(driver, role, this.#options)
    } catch (error) {
      this.#spoilIfBusy(error)
      throw error
    }
  }

  /** Where statements do not survive BUSY, one that met it stays in progress and freezes the connection's snapshot. */
  #spoilIfBusy(error: unknown): void {
    if (!this.autocommits && this.#errors.isBusy(error)) this.#physical.spoil()
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

  readonly #throwTranslated = (error: unknown): never => {
    throw this.#errors.translate(error)
  }
}
