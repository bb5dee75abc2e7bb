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
  Role,
  Statement,
  StatementResult,
} from './connector.ts'
import { OpenError, type SqliteError, translateError } from './errors.ts'
import { type LockWait, restartLockWait, waitForLock } from './lock-wait.ts'
import { isLockBusy, isNotADatabase, isReadonly } from './result-code.ts'
import type { Row } from './values.ts'

/** How connections of one storage are opened. */
export interface ConnectionOptions extends InitOptions {
  readonly settings: ConnectionSettings
}

/** One physical connection of a storage, and its replacement when it had to be given up. */
export class PatientConnection {
  readonly role: Role
  readonly #connector: Connector
  readonly #options: ConnectionOptions
  #connection: Connection
  /** A `new` connection has no pragmas yet; one that is `spoiled` cannot be trusted, and is replaced before its next use. */
  #state: 'new' | 'ready' | 'spoiled' = 'new'
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

  /** With strict integers a row that cannot be read is an error, and the write that returned it must not be stored. */
  get #autocommits(): boolean {
    return this.#connector.capabilities.autocommit && this.#options.settings.integers !== 'strict'
  }

  /** Whether SQLite says that a transaction is open. */
  get inTransaction(): boolean {
    return this.#state !== 'spoiled' && this.#connection.inTransaction
  }

  /** Runs one statement outside a transaction, waiting for the lock: it is committed, or nothing of it happened. */
  async execute(statement: Statement, wait: LockWait): Promise<StatementResult> {
    if (statement.kind === 'write' && !this.#autocommits) {
      await this.begin('immediate', wait)
      return this.#finish(() => this.run(statement), wait)
    }
    try {
      return await this.#waiting(wait, () => this.#connection.execute(statement))
    } catch (error) {
      // What fails outside a transaction must leave none behind; SQLite is asked, not assumed.
      if (this.inTransaction) await this.rollback()
      throw this.#translate(error)
    }
  }

  /** Runs one statement inside the open transaction: there is no lock left to wait for. */
  async run(statement: Statement): Promise<StatementResult> {
    try {
      return await this.#connection.execute(statement)
    } catch (error) {
      throw this.#translate(error)
    }
  }

  /** The rows of a read one by one; the lock is waited for at the first. Close the iterator to free the connection. */
  async iterate(statement: Statement, wait: LockWait): Promise<Iterator<Row>> {
    const translate = (error: unknown): unknown => this.#translate(error)
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
  async begin(mode: BeginMode, wait: LockWait): Promise<void> {
    try {
      // The driver must leave nothing behind when BEGIN is busy, so no connection is lost to a long wait.
      await waitForLock(wait, this.#isBusy, async () => {
        if (this.#state !== 'ready') await this.#prepare()
        await this.#connection.begin(mode)
        if (mode === 'deferred') await this.#takeReadLock()
      })
    } catch (error) {
      throw this.#translate(error)
    }
  }

  /** Commits. In a journal mode other than WAL a COMMIT can be busy: the transaction stays open and is tried again. */
  async commit(wait: LockWait): Promise<void> {
    try {
      await waitForLock(restartLockWait(wait), this.#isBusy, () => this.#connection.commit())
    } catch (error) {
      throw this.#translate(error)
    }
  }

  /** Ends the transaction, if SQLite did not already. Never throws: a connection that cannot roll back is replaced. */
  async rollback(): Promise<void> {
    // SQLite may have rolled back by itself (sqlite.org/lang_transaction.html): a second ROLLBACK would hide the cause.
    if (!this.inTransaction) return
    try {
      await this.#connection.rollback()
    } catch {
      // Closed now, not at its next use: until then its lock would shut every other process out.
      await this.#discard()
    }
  }

  /** Sets the role's pragmas again, after a session changed some. */
  async init(wait: LockWait): Promise<void> {
    await this.#waiting(wait, () => setPragmas(this.#connection, this.role, this.#options))
  }

  /** Has this physical connection replaced by a new one, initialized like the first, before its next use. */
  reset(): void {
    this.#state = 'spoiled'
  }

  /** Closes the physical connection; an open transaction is rolled back by SQLite. */
  async close(): Promise<void> {
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
    return waitForLock(wait, this.#isBusy, async () => {
      if (this.#state !== 'ready') await this.#prepare()
      try {
        return await attempt()
      } catch (error) {
        // Where statements do not survive BUSY, one that met it stays in progress and freezes the connection's snapshot.
        if (!this.#connector.capabilities.autocommit && this.#isBusy(error)) this.#state = 'spoiled'
        throw error
      }
    })
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
    if (this.#state === 'spoiled') {
      await this.#discard()
      this.#connection = await this.#connector.connect(this.role, this.#options.settings)
      this.#state = 'new'
    }
    if (!this.#connector.capabilities.autocommit) this.#state = 'spoiled'
    await setPragmas(this.#connection, this.role, this.#options)
    // When it fails half way, what it did so far would fail the second time on this connection, such as an ATTACH.
    this.#state = 'spoiled'
    await callOnConnection(this.#connection, this.role, this.#options)
    this.#state = 'ready'
  }

  async #discard(): Promise<void> {
    this.#state = 'spoiled'
    try {
      await this.#connection.close()
    } catch {
      // Nothing uses it any more, and why it was given up is what the caller has to know.
    }
  }

  readonly #isBusy = (error: unknown): boolean => isLockBusy(this.#connector.resultCodeOf(error))

  #translate(error: unknown): unknown {
    return translateError(error, this.#connector.resultCodeOf(error))
  }

  #openError(cause: unknown): unknown {
    const code = this.#connector.resultCodeOf(cause)
    if (code === undefined || isLockBusy(code)) return cause
    const reason =
      openFailure(code) ?? `SQLite answered ${(translateError(cause, code) as SqliteError).message}`
    return new OpenError(`Cannot open database ${this.#connector.location} as ${reason}`, { cause })
  }
}

/** What is said of the failures that a stranger meets when opening; SQLite's own words do not help with these. */
function openFailure(code: number): string | undefined {
  if (isReadonly(code)) return 'the file or its folder is read-only: the writer needs to write to both'
  if (isNotADatabase(code)) return 'the file is not a SQLite database, or it is an encrypted one'
  return undefined
}

/** Takes the first step at once, so that a busy lock shows where it can still be waited for. */
function startIterator(rows: Iterable<Row>, translate: (error: unknown) => unknown): Iterator<Row> {
  const iterator = rows[Symbol.iterator]()
  let first: IteratorResult<Row> | undefined = iterator.next()
  return {
    next() {
      if (first === undefined) {
        try {
          return iterator.next()
        } catch (error) {
          throw translate(error)
        }
      }
      const result = first
      first = undefined
      return result
    },
    return() {
      iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}
