/**
 * A transaction that has begun: what may run in it, and how it ends (contract C10). SQLite can end one by itself; the
 * next statement would then commit alone, so everything that comes after is refused.
 *
 * @module
 */
import { runAtomically } from '../connection/atomic-unit.ts'
import type { DirectConnection } from '../connection/direct-connection.ts'
import type { SessionPragmas } from '../connection/session-pragmas.ts'
import type { RoutedStatement } from '../connection/statement.ts'
import type { PatientConnection } from '../connection.ts'
import type { StatementResult } from '../connector.ts'
import { TransactionEndedError, UnsupportedError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import { assertPragmaAllowed } from '../pool/router.ts'
import type { SavepointStack } from './savepoint-stack.ts'

/** How a transaction began. */
export interface TransactionStart {
  /** Who ends it: Kysely's transaction builders, or COMMIT as raw SQL inside `db.connection()`. */
  readonly owner: 'kysely' | 'raw'
  readonly connection: PatientConnection
  readonly wait: LockWait
  readonly isReadOnly: boolean
  /** Present when a raw SAVEPOINT began it. */
  readonly savepoints?: SavepointStack | undefined
}

/** One transaction on one connection. */
export class OpenTransaction {
  readonly owner: 'kysely' | 'raw'
  readonly #start: TransactionStart
  /** The error with which SQLite ended it. */
  #endedBy: unknown
  #hasFailed = false
  /** The error after which nobody can tell whether a server still has the transaction, until a ROLLBACK TO succeeds. */
  #doubtedSince: unknown

  constructor(start: TransactionStart) {
    this.owner = start.owner
    this.#start = start
  }

  /** What it began with; its COMMIT waits as long again. */
  get wait(): LockWait {
    return this.#start.wait
  }

  /** Whether a statement of it was refused: then its caller has an error already. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** A raw SAVEPOINT began it, and that was released. */
  get isReleased(): boolean {
    return this.#start.savepoints?.isEmpty ?? false
  }

  /**
   * Runs one statement.
   *
   * @param pragmas Of the session: told of one that the statement sets.
   * @throws {TransactionEndedError} If the transaction is over.
   */
  async run(statement: RoutedStatement, pragmas: SessionPragmas): Promise<StatementResult> {
    const { connection, isReadOnly, savepoints } = this.#start
    this.#assertOpen()
    assertWorksInTransaction(statement, isReadOnly)
    try {
      if (statement.shape.control?.action !== 'rollback to') this.#assertCertain()
      const { pragma } = statement.shape
      if (pragma?.assigns) await pragmas.note(pragma, (each) => connection.direct.run(each))
      const result = await runWhole(connection.direct, statement)
      // What ended the transaction would have taken the savepoint with it.
      this.#doubtedSince = undefined
      savepoints?.apply(statement.shape.control)
      return result
    } catch (error) {
      this.#hasFailed = true
      if (connection.direct.isRemote) this.#doubtedSince ??= error
      // ROLLBACK conflict clauses, RAISE(ROLLBACK), a full disk: the next statement would commit by itself.
      if (!connection.direct.inTransaction) this.#endedBy = error
      throw error
    }
  }

  /** @throws {TransactionEndedError} If SQLite ended it before; whatever the error, nothing of it is stored. */
  async commit(): Promise<void> {
    const { connection, wait, isReadOnly } = this.#start
    try {
      this.#assertOpen()
      this.#assertCertain()
      // What was only read cannot be lost with the answer of a server.
      if (isReadOnly && connection.direct.isRemote) await connection.rollback()
      else await connection.commit(wait)
    } catch (error) {
      // A COMMIT that fails leaves the transaction open (a deferred foreign key): nobody else could end it.
      await connection.rollback()
      throw error
    }
  }

  async rollback(): Promise<void> {
    await this.#start.connection.rollback()
  }

  #assertOpen(): void {
    if (this.#endedBy === undefined) return
    const message = 'Cannot go on in the transaction as SQLite has rolled it back; nothing of it is stored'
    throw new TransactionEndedError(message, { cause: this.#endedBy })
  }

  /** A server that lost the transaction would commit the next statement by itself, at once and for good. */
  #assertCertain(): void {
    if (this.#doubtedSince === undefined) return
    const message =
      'Cannot go on in the transaction as a statement of it failed, and the server may have rolled it back: ' +
      'only ROLLBACK, or ROLLBACK TO a savepoint, can follow'
    throw new TransactionEndedError(message, { cause: this.#doubtedSince })
  }
}

/** A write whose row is refused has run: it is undone, as its caller may go on. */
async function runWhole(direct: DirectConnection, statement: RoutedStatement): Promise<StatementResult> {
  if (!statement.shape.returning || !direct.mayRefuseRows) return direct.run(statement)
  const [result] = await runAtomically(direct, [statement])
  return result as StatementResult
}

function assertWorksInTransaction(statement: RoutedStatement, isReadOnly: boolean): void {
  const { control, pragma, verb } = statement.shape
  if (isReadOnly && statement.kind !== 'read' && control === undefined) {
    throw new UnsupportedError(`Cannot run ${verb} in a read-only transaction`)
  }
  assertPragmaAllowed(statement)
  if (pragma?.name !== 'foreign_keys' || !pragma.assigns) return
  // SQLite ignores it there without a word, and a table rebuild then cascades into the children.
  throw new UnsupportedError(
    'Cannot set foreign_keys inside a transaction as SQLite ignores it: use db.connection()',
  )
}

/** Tells Kysely that the transaction is over, so that it releases the connection of a controlled transaction too. */
export function markAborted(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) {
    Object.defineProperty(error, Symbol.for('kysely.AbortedTransactionError'), {
      value: true,
      configurable: true,
    })
  }
  return error
}
