/**
 * Where the statements of one session go: a read alone to a reader, the first write to the writer, and what comes between
 * BEGIN and COMMIT to the connection of that transaction.
 *
 * @module
 */
import type { ConnectionLease } from '../connection/connection-lease.ts'
import type { RoutedStatement } from '../connection/statement.ts'
import type { BeginMode, Statement, StatementResult } from '../connector.ts'
import type { UnbusyError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import { executeAlone, executeOnWriter, letWritesBreathe, withEffects } from '../pool/router.ts'
import type { ConnectionPool } from '../pool.ts'
import { HeldConnections } from './held-connections.ts'
import { markAborted, OpenTransaction, type TransactionStart } from './open-transaction.ts'
import {
  alreadyOpen,
  late,
  leftOpen,
  noneOpen,
  noneOpenFor,
  notByHand,
  rolledBackAtTheEnd,
} from './refusals.ts'
import { openOwnReader, type RowSource } from './row-stream.ts'
import { SavepointStack } from './savepoint-stack.ts'

/** Runs the statements of one session; the caller sees to it that they come one after the other. */
export class SessionWork {
  readonly #pool: ConnectionPool
  readonly #held: HeldConnections
  #transaction: OpenTransaction | undefined
  #hasWritten = false
  /** Kysely ended a transaction, and no query has come since. */
  #hasJustEnded = false
  readonly #revocation: PromiseWithResolvers<UnbusyError> = Promise.withResolvers()
  /** Why the storage took a connection back. */
  #revokedBy: UnbusyError | undefined
  /** A raw BEGIN was left open, and nothing says so yet. */
  #hasLeftRaw = false
  /** The first write takes the writer until the release. */
  isPinned = false
  /** The caller of the session has an error. */
  hasFailed = false
  /** Nothing is run any more. */
  isOver = false

  constructor(pool: ConnectionPool) {
    this.#pool = pool
    this.#held = new HeldConnections(pool, (error) => {
      this.#revokedBy ??= error
      this.#revocation.resolve(error)
    })
  }

  get isInTransaction(): boolean {
    return this.#transaction !== undefined
  }

  get lease(): ConnectionLease | undefined {
    return this.#held.lease
  }

  /** Resolves when the storage takes a connection back, with the reason. */
  get revoked(): Promise<UnbusyError> {
    return this.#revocation.promise
  }

  /** `maxTransactionMs` does not count here. */
  liftTimeLimit(): void {
    this.#held.hasNoTimeLimit = true
  }

  async execute(statement: RoutedStatement, wait: LockWait): Promise<StatementResult> {
    const { control, pragma, connectionFunction } = statement.shape
    if (this.#transaction !== undefined) return this.#executeInside(this.#transaction, statement)
    await this.#assertNotOver()
    if (control !== undefined) return this.#control(statement, wait)
    const hadWritten = this.#hasWritten
    // The writer remembers for the session what changes() tells, from its first question on.
    if (statement.kind !== 'read' || connectionFunction !== undefined) {
      this.#hasWritten = true
      if (this.isPinned) await this.#held.own(wait)
    }
    const { lease } = this.#held
    if (lease === undefined && !hadWritten) return executeAlone(this.#pool, statement, wait)
    // What this session wrote may be visible on the writer alone: a temp table, changes(), last_insert_rowid().
    if (lease === undefined) return executeOnWriter(this.#pool, statement, wait)
    await letWritesBreathe(this.#pool)
    const run = async (): Promise<StatementResult> => {
      const runNow = (each: Statement): Promise<StatementResult> => lease.connection.execute(each, wait)
      if (pragma?.assigns) await this.#held.pragmas.note(pragma, runNow)
      return runNow(statement)
    }
    return this.#held.use(() => withEffects(this.#pool, statement, run), { sql: statement.sql, wait })
  }

  /** Rows for a stream: from a reader of its own, or read at once where there is none to spare. */
  async openRows(statement: RoutedStatement, wait: LockWait): Promise<RowSource> {
    await this.#assertNotOver()
    if (this.#transaction === undefined && this.lease === undefined && !this.#hasWritten) {
      const source = await openOwnReader(this.#pool, statement, wait)
      if (source !== undefined) return source
    }
    return { rows: (await this.execute(statement, wait)).rows.values(), close: () => {} }
  }

  async begin(
    mode: BeginMode,
    kind: Omit<TransactionStart, 'connection' | 'wait'>,
    wait: LockWait,
  ): Promise<OpenTransaction> {
    if (this.#transaction !== undefined) throw alreadyOpen()
    // Nobody would give the connection back.
    if (this.isOver) throw this.#revokedBy ?? late()
    const connection = await this.#held.begin(mode, kind.isReadOnly, wait)
    this.#transaction = new OpenTransaction({ ...kind, connection, wait })
    return this.#transaction
  }

  async end(action: 'commit' | 'rollback'): Promise<void> {
    const transaction = this.#transaction
    if (transaction === undefined) {
      if (this.#revokedBy !== undefined) throw markAborted(this.#revokedBy)
      const hasEnded = this.#hasJustEnded || this.isOver
      // Kysely rolls back what has been committed when its own log throws at the COMMIT: that error is the one to be seen.
      if (action === 'rollback' && hasEnded) return
      throw hasEnded ? markAborted(rolledBackAtTheEnd()) : noneOpen()
    }
    this.#transaction = undefined
    this.#hasJustEnded = transaction.owner === 'kysely'
    try {
      await this.#held.use(() => transaction[action](), { wait: transaction.wait })
    } catch (error) {
      // Also one that never reached SQLite, as the storage took the writer back.
      throw action === 'commit' ? markAborted(error) : error
    } finally {
      this.#held.giveBackReader()
    }
  }

  /** Runs a last statement outside of what was left open, which is rolled back. Late queries of that do not follow it. */
  async executeLast(statement: RoutedStatement, wait: LockWait): Promise<StatementResult> {
    await this.#undoOpen()
    this.#hasJustEnded = false
    try {
      return await this.execute(statement, wait)
    } finally {
      this.#hasJustEnded = true
    }
  }

  /** @throws {TransactionControlError} If a raw BEGIN was left open; it is rolled back. */
  async release(): Promise<void> {
    await this.#undoOpen()
    await this.#held.release()
    // An error that the caller has already says more than this one, which would take its place.
    if (this.#hasLeftRaw && !this.hasFailed) throw leftOpen()
  }

  async #undoOpen(): Promise<void> {
    const transaction = this.#transaction
    if (transaction === undefined) return
    // Fails only if the storage took the writer back, and then it was rolled back there.
    await this.end('rollback').catch(() => {})
    this.#hasLeftRaw = transaction.owner === 'raw' && !transaction.hasFailed
  }

  async #executeInside(transaction: OpenTransaction, statement: RoutedStatement): Promise<StatementResult> {
    const action = statement.shape.control?.action
    if (action === 'begin') throw alreadyOpen()
    if (action === 'commit' || action === 'rollback') {
      if (transaction.owner === 'kysely') throw notByHand(action.toUpperCase())
      await this.end(action)
      return { rows: [] }
    }
    await letWritesBreathe(this.#pool)
    const run = (): Promise<StatementResult> => transaction.run(statement, this.#held.pragmas)
    const result = await this.#held.use(run, { sql: statement.sql })
    if (statement.shape.temporary) this.#pool.readsOnWriter = true
    if (transaction.isReleased) await this.end('commit')
    return result
  }

  /** Raw BEGIN and SAVEPOINT outside a transaction. */
  async #control(statement: RoutedStatement, wait: LockWait): Promise<StatementResult> {
    const { control, verb } = statement.shape
    const raw = { owner: 'raw', isReadOnly: false } as const
    // A deferred transaction could not wait for the lock once it has read, so both take it at once (C2).
    if (control?.action === 'begin') {
      await this.begin(control.mode === 'exclusive' ? 'exclusive' : 'immediate', raw, wait)
      return { rows: [] }
    }
    if (control?.action === 'savepoint') {
      const savepoints = new SavepointStack()
      return this.#executeInside(await this.begin('immediate', { ...raw, savepoints }, wait), statement)
    }
    throw noneOpenFor(verb)
  }

  /**
   * A query that nobody awaited can come after COMMIT and before Kysely knows that the transaction is over: it would
   * commit by itself. One macrotask later the session is released, unless it is a `db.connection()`.
   */
  async #assertNotOver(): Promise<void> {
    if (this.#hasJustEnded) await this.#pool.connector.nextTurn()
    this.#hasJustEnded = false
    if (this.isOver) throw this.#revokedBy ?? late()
  }
}
