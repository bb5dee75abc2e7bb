/**
 * A connection that waits. The ONLY place where a lock is waited for, where a connection is repaired after an error,
 * and where a driver's error becomes ours (contracts C3, C9, C10).
 *
 * @module
 */
import { callOnConnection, type InitOptions, setPragmas } from './connection-init.ts'
import type {
  BeginMode,
  Connection,
  ConnectionSettings,
  Connector,
  MaybePromise,
  Role,
  Statement,
  StatementResult,
} from './connector.ts'
import {
  OpenError,
  OutcomeUnknownError,
  RemoteError,
  remoteError,
  SqliteError,
  translateError,
  withoutStack,
} from './errors.ts'
import type { FileGuard } from './file-guard.ts'
import { type LockWait, restartLockWait, waitForLock } from './lock-wait.ts'
import { type Outcome, outcomeAt, type RequestStage } from './outcome.ts'
import { isLockBusy, isNotADatabase, isReadonly } from './result-code.ts'
import { startIterator } from './started-iterator.ts'
import type { Row } from './values.ts'

/** How connections of one storage are opened. */
export interface ConnectionOptions extends InitOptions {
  readonly settings: ConnectionSettings
  /** Asked around every write, before it is acknowledged. */
  readonly guard?: FileGuard | undefined
}

/** One physical connection of a storage, and its replacement when it had to be given up. */
export class PatientConnection {
  readonly role: Role
  readonly #connector: Connector
  readonly #options: ConnectionOptions
  #connection: Connection
  /** A `new` connection has no pragmas yet; one that is `spoiled` cannot be trusted, and is replaced before its next use. */
  /** `spoiled`: to be replaced before its next use; `closed`: given up already. */
  #state: 'new' | 'ready' | 'spoiled' | 'closed' = 'new'
  /** Shared by those who use the connection at once, as readers do: one of them prepares it, for all. */
  #preparing: Promise<void> | undefined

  private constructor(connector: Connector, role: Role, options: ConnectionOptions, connection: Connection) {
    this.#connector = connector
    this.role = role
    this.#options = options
    this.#connection = connection
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
    const connection = await connector.connect(role, options.settings)
    const patient = new PatientConnection(connector, role, options, connection)
    try {
      await patient.#waiting(wait, () => {})
    } catch (error) {
      await patient.close()
      throw patient.#openError(error)
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
    return this.#state === 'ready' && this.autocommits && this.#connector.capabilities.synchronous === true
  }

  /** Whether writes go to the server in one round trip, instead of statement by statement inside a transaction. */
  get executesBatches(): boolean {
    return this.#connection.executeBatch !== undefined && !this.readsStrictly
  }

  /** Whether a transaction can be lost without this side being told: its first error is then the last that is certain. */
  get isRemote(): boolean {
    return this.#connector.capabilities.remote === true
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.#state !== 'spoiled' && this.#state !== 'closed' && this.#connection.inTransaction
  }

  /** Calls `attempt` until it does not meet a busy lock; met by one, it must have changed nothing. */
  withLock<T>(wait: LockWait, attempt: () => Promise<T>): Promise<T> {
    return waitForLock(wait, this.isBusy, () => {
      this.#options.guard?.assertIntact()
      return this.#state === 'ready' ? attempt() : this.#prepare().then(attempt)
    })
  }

  /** Whether an error says that another connection holds the lock, or that the server cannot be used for the moment. */
  readonly isBusy = (error: unknown): boolean =>
    isLockBusy(this.#connector.resultCodeOf(error)) || this.#outcomeOf(error) === 'not-applied'

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
      const result = await this.#connection.execute(statement)
      if (statement.kind !== 'read') this.#guardWrite('after', statement)
      return result
    } catch (error) {
      this.#spoilIfBusy(error)
      // What fails outside a transaction must leave none behind; SQLite is asked, not assumed.
      if (this.inTransaction) await this.rollback()
      throw this.#translate(error, statement.kind === 'read' ? 'read' : 'write')
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
      return (await this.#connection.executeBatch?.(statements)) ?? []
    } catch (error) {
      throw this.#translate(error, 'write')
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
      const result = this.#connection.execute(statement)
      return result instanceof Promise ? result.catch(this.#throwTranslated) : result
    } catch (error) {
      this.#options.guard?.assertIntact()
      throw this.#translate(error)
    }
  }

  /**
   * Runs a lone write where {@linkcode PatientConnection.runsAtOnce}, if the lock is free: it is committed when this returns.
   * Throws the driver's own error: each that is caught and thrown again makes a poll dearer.
   */
  runLone(statement: Statement): StatementResult {
    this.#guardWrite('before')
    const result = withoutStack(() => this.#connection.execute(statement)) as StatementResult
    this.#guardWrite('after')
    return result
  }

  /** An error of the driver as ours; what is ours already stays as it is. */
  translate(error: unknown): unknown {
    return this.#translate(error)
  }

  /** Runs `work` in a transaction of its own and commits it, waiting for the lock. */
  async transaction<T>(wait: LockWait, work: () => Promise<T>): Promise<T> {
    await this.begin('immediate', wait)
    return this.#finish(work, wait)
  }

  /** The rows of a read one by one; the lock is waited for at the first. Close the iterator to free the connection. */
  async iterate(statement: Statement, wait: LockWait): Promise<Iterator<Row>> {
    const translate = (error: unknown): unknown => this.#translate(error, 'read')
    try {
      return await this.#waiting(wait, async () => {
        const rows = this.#connection.iterate?.(statement) ?? (await this.#connection.execute(statement)).rows
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
      const begun = withoutStack(() => this.#connection.begin(mode))
      if (begun instanceof Promise) await begun
      if (mode === 'deferred' && !this.isRemote) await this.#takeReadLock()
    } catch (error) {
      // Of a busy one the last is translated, when the wait is over; of a server's each is, as its meaning is of this stage.
      throw !this.isRemote && this.isBusy(error) ? error : this.#translate(error, 'begin')
    }
  }

  /** Commits. In a journal mode other than WAL a COMMIT can be busy: the transaction stays open and is tried again. */
  async commit(wait: LockWait): Promise<void> {
    this.#guardWrite('before')
    try {
      await waitForLock(restartLockWait(wait), this.#isCommitBusy, () => this.#connection.commit())
    } catch (error) {
      throw this.#translate(error, 'commit')
    }
    this.#guardWrite('after')
  }

  /** Ends the transaction, if SQLite did not already. Never throws: a connection that cannot roll back is replaced. */
  async rollback(): Promise<void> {
    // SQLite may have rolled back by itself (sqlite.org/lang_transaction.html): a second ROLLBACK would hide the cause.
    if (!this.inTransaction) return
    try {
      await this.#connection.rollback()
    } catch {
      // Closed now, not at its next use: until then its lock would shut every other process out.
      this.#state = 'spoiled'
      await this.#discard().catch(() => {})
    }
  }

  /** Sets the role's pragmas again, after a session changed some. */
  async init(wait: LockWait): Promise<void> {
    if (this.isRemote) return
    await this.#waiting(wait, () => setPragmas(this.#connection, this.role, this.#options))
  }

  /** Has this physical connection replaced by a new one, initialized like the first, before its next use. */
  reset(): void {
    this.#state = 'spoiled'
  }

  /** Closes the physical connection; an open transaction is rolled back by SQLite. */
  async close(): Promise<void> {
    // Whoever asks afterwards is told that no transaction is open: a closed driver would throw.
    this.#state = 'spoiled'
    await this.#connection.close()
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
    if (!this.autocommits && this.isBusy(error)) this.#state = 'spoiled'
  }

  /** DEFERRED takes no lock, so the first read would have to wait in the middle of the transaction. */
  async #takeReadLock(): Promise<void> {
    try {
      await this.#connection.exec('SELECT 1 FROM sqlite_schema LIMIT 1')
    } catch (error) {
      await this.rollback()
      throw error
    }
  }

  #prepare(): Promise<void> {
    this.#preparing ??= this.#initialize().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  async #initialize(): Promise<void> {
    if (this.#state === 'spoiled') await this.#discard()
    if (this.#state === 'closed') {
      this.#connection = await this.#connector.connect(this.role, this.#options.settings)
      this.#state = 'new'
    }
    if (!this.#connector.capabilities.autocommit) this.#state = 'spoiled'
    if (!this.isRemote) await setPragmas(this.#connection, this.role, this.#options)
    // The first word with a server: a wrong address or token shows when the storage is opened.
    else if (this.role === 'writer') await this.#sayHello()
    // When it fails half way, what it did so far would fail the second time on this connection, such as an ATTACH.
    this.#state = 'spoiled'
    await callOnConnection(this.#connection, this.role, this.#options)
    if (this.role === 'writer') this.#options.guard?.adopt()
    this.#state = 'ready'
  }

  async #sayHello(): Promise<void> {
    try {
      await this.#connection.execute(hello)
    } catch (error) {
      throw this.#translate(error, 'read')
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

  /** @throws {FileReplacedError} If its files are lost: what becomes of it then is decided elsewhere. */
  async #discard(): Promise<void> {
    // Asked while it is open: without it, and without readers, SQLite makes new files, which are then the right ones.
    this.#guardWrite('before')
    this.#state = 'closed'
    try {
      await this.#connection.close()
    } catch {
      // Nothing uses it any more, and why it was given up is what the caller has to know.
    }
  }

  /** A COMMIT that did not reach the server is not tried again: the transaction was lost with its stream. */
  readonly #isCommitBusy = (error: unknown): boolean =>
    isLockBusy(this.#connector.resultCodeOf(error)) && this.inTransaction

  #translate(error: unknown, stage: RequestStage = 'inside'): unknown {
    const outcome = error instanceof RemoteError ? undefined : this.#connector.outcomeOf?.(error)
    if (outcome !== undefined) return remoteError(error, outcomeAt(stage, outcome))
    return translateError(error, this.#connector.resultCodeOf(error))
  }

  #outcomeOf(error: unknown): Outcome | undefined {
    return error instanceof RemoteError ? error.outcome : this.#connector.outcomeOf?.(error)
  }

  readonly #throwTranslated = (error: unknown): never => {
    throw this.#translate(error)
  }

  #openError(cause: unknown): unknown {
    const code = this.#connector.resultCodeOf(cause)
    if (code === undefined || isLockBusy(code)) return cause
    const reason =
      openFailure(code) ?? `SQLite answered ${(translateError(cause, code) as SqliteError).message}`
    return new OpenError(`Cannot open database ${this.#connector.location} as ${reason}`, { cause })
  }
}

const hello: Statement = { sql: 'select 1', parameters: [], kind: 'read', cacheable: true }

/** What is said of the failures that a stranger meets when opening; SQLite's own words do not help with these. */
function openFailure(code: number): string | undefined {
  if (isReadonly(code)) return 'the file or its folder is read-only: the writer needs to write to both'
  if (isNotADatabase(code)) return 'the file is not a SQLite database, or it is an encrypted one'
  return undefined
}
