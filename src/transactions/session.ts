/**
 * What Kysely calls a connection: it belongs to one query, one `db.connection()` or one transaction, and takes a
 * physical connection no earlier than it must.
 *
 * @module
 */
import {
  type AbortableOperationOptions,
  CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import { type RoutedStatement, toQueryResult, toStatement } from '../connection/statement.ts'
import { currentScope, type TransactionScope } from '../connection/transaction-scope.ts'
import type { StatementResult } from '../connector.ts'
import { withCallerStack } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import type { ConnectionPool } from '../pool.ts'
import { inChunks } from './row-stream.ts'
import { SessionWork } from './session-work.ts'

/**
 * What has no statement to run, such as BEGIN, COMMIT or ROLLBACK of Kysely's builders: a query like any other, so that
 * Kysely's log shows it.
 */
export interface SessionCommand extends CompiledQuery {
  readonly run: (session: Session) => Promise<unknown>
}

/** A query of the storage's own: no guard is asked, and it is no sign of life of the code that has the session. */
export interface UpkeepQuery extends CompiledQuery {
  readonly isUpkeep: true
}

/** A lazy connection for Kysely. */
export class Session implements DatabaseConnection, TransactionScope {
  readonly #pool: ConnectionPool
  readonly #work: SessionWork
  readonly parent: TransactionScope | undefined
  /** Waited for before each query; what it throws refuses the query. It answers in the order in which it is asked. */
  guard: ((query: CompiledQuery) => Promise<void> | undefined) | undefined
  #waitOptions: WaitOptions | undefined
  #last: Promise<unknown> = Promise.resolve()
  #running = 0
  #idleSinceMs: number

  constructor(pool: ConnectionPool) {
    this.#pool = pool
    this.#work = new SessionWork(pool)
    this.#idleSinceMs = pool.clock.now()
    this.parent = currentScope(pool.connector.context)
  }

  get owner(): object {
    return this.#pool.queue
  }

  get isOpen(): boolean {
    return this.#work.lease !== undefined
  }

  get isOver(): boolean {
    return this.#work.isOver
  }

  /** Whether a transaction is open, by Kysely's builders or raw SQL. */
  get isInTransaction(): boolean {
    return this.#work.isInTransaction
  }

  idleMs(): number {
    return this.#running > 0 ? 0 : this.#pool.clock.now() - this.#idleSinceMs
  }

  /** The session is a `db.connection()` or a transaction, not a single query: its first write takes the writer. */
  pin(waitOptions?: WaitOptions): void {
    this.#waitOptions = waitOptions
    this.#work.isPinned = true
    this.#pool.connector.context?.enter(this)
  }

  /**
   * Runs what has this session for itself. When the storage takes its connection back, the caller hears of it at once:
   * what is stuck may never end.
   */
  async untilRevoked<T>(work: Promise<T>): Promise<T> {
    const revoked = this.#work.revoked.then(async (error): Promise<never> => {
      // A COMMIT that was under way may have come through: then the work ends in this turn, and says so.
      await this.#pool.connector.nextTurn()
      throw error
    })
    return Promise.race([work, revoked])
  }

  /** Lets it take as long as it takes, as a migration does: `maxTransactionMs` does not count. */
  liftTimeLimit(): void {
    this.#work.liftTimeLimit()
  }

  /** The caller has an error already: what the release would complain about must not take its place. */
  noteFailure(): void {
    this.#work.hasFailed = true
  }

  async executeQuery<R>(query: CompiledQuery, options?: AbortableOperationOptions): Promise<QueryResult<R>> {
    try {
      if (this.guard !== undefined && !isUpkeep(query)) await this.guard(query)
      if (isCommand(query)) {
        await this.#inOrder(() => query.run(this))
        return { rows: [] }
      }
      const { statement, wait } = this.#toRun(query, options)
      const run = (): Promise<StatementResult> => this.#work.execute(statement, wait)
      return toQueryResult<R>(statement, await (isUpkeep(query) ? this.#afterLast(run) : this.#inOrder(run)))
    } catch (error) {
      if (isAbort(error, options)) return { rows: [] }
      throw withCallerStack(error)
    }
  }

  /** Runs a query for whoever ends what this session was for: what was left open is rolled back before it. */
  async executeLast<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, wait } = this.#toRun(query, undefined)
    return toQueryResult<R>(statement, await this.#inOrder(() => this.#work.executeLast(statement, wait)))
  }

  async *streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    try {
      if (this.guard !== undefined) await this.guard(query)
      const { statement, wait } = this.#toRun(query, options)
      const source = await this.#inOrder(() => this.#work.openRows(statement, wait))
      yield* inChunks<R>(this.#pool, source, chunkSize)
    } catch (error) {
      if (!isAbort(error, options)) throw withCallerStack(error)
    }
  }

  /** Not async: the context must be set in the caller's own turn, or it is lost with this function's. */
  begin({ accessMode }: TransactionSettings): Promise<void> {
    if (!this.#work.isPinned) this.pin()
    const isReadOnly = accessMode === 'read only'
    const mode = isReadOnly ? 'deferred' : 'immediate'
    const wait = this.#pool.startWait(this.#waitOptions)
    return this.#command(`begin ${mode}`, () => this.#work.begin(mode, { owner: 'kysely', isReadOnly }, wait))
  }

  commit(): Promise<void> {
    return this.#command('commit', () => this.#work.end('commit'))
  }

  rollback(): Promise<void> {
    return this.#command('rollback', () => this.#work.end('rollback'))
  }

  /** Runs SAVEPOINT, RELEASE or ROLLBACK TO of Kysely's controlled transactions. */
  async savepoint(command: 'savepoint' | 'release' | 'rollback to', name: string): Promise<void> {
    await this.executeQuery(CompiledQuery.raw(`${command} "${name.replaceAll('"', '""')}"`))
  }

  /**
   * Gives the physical connections back.
   *
   * @throws {TransactionControlError} If a raw BEGIN was left open; it is rolled back.
   */
  release(): Promise<void> {
    this.#work.isOver = true
    return this.#inOrder(() => this.#work.release())
  }

  /** The end of a session must not overtake a query that nobody awaited. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    return this.#afterLast(() =>
      work().finally(() => {
        this.#running--
        this.#idleSinceMs = this.#pool.clock.now()
      }),
    )
  }

  #afterLast<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  async #command(sql: string, run: () => Promise<unknown>): Promise<void> {
    const command: SessionCommand = { ...CompiledQuery.raw(sql), run }
    await this.executeQuery(command)
  }

  #toRun(
    query: CompiledQuery,
    options: AbortableOperationOptions | undefined,
  ): { readonly statement: RoutedStatement; readonly wait: LockWait } {
    const signal = options?.signal
    const wait = this.#pool.startWait(signal ? { ...this.#waitOptions, signal } : this.#waitOptions)
    return { statement: toStatement(query, this.#pool.integerBinding), wait }
  }
}

function isCommand(query: CompiledQuery): query is SessionCommand {
  return 'run' in query
}

function isUpkeep(query: CompiledQuery): query is UpkeepQuery {
  return 'isUpkeep' in query
}

/** Kysely has already rejected the aborted call and would print this as a failure in the background. */
function isAbort(error: unknown, options: AbortableOperationOptions | undefined): boolean {
  return options?.signal?.aborted === true && error === options.signal.reason
}
