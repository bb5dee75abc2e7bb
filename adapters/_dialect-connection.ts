/**
 * One connection of any Kysely dialect. The dialect says neither which codes its errors have nor whether a transaction
 * is open, so SQL is asked.
 *
 * @module
 */
import { CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely'
import type {
  BeginMode,
  Connection,
  ConnectionSettings,
  Role,
  Statement,
  StatementResult,
} from '../src/connector.ts'
import { OpenError } from '../src/errors.ts'
import { isReadonly } from '../src/result-code.ts'
import { normalizeRows, type Row } from '../src/values.ts'
import { anyResultCodeOf } from './_any-result-code.ts'
import { bindable, type DialectIntegers } from './_dialect-facts.ts'
import { collectGarbage } from './_libsql-garbage.ts'

/** Statements between two macrotasks: dialects leave what they prepared to finalizers, which never run in microtasks. */
const statementsPerTurn = 50

/** Has the connection read the schema again if another one changed it. */
const refreshSchema = 'SELECT 1 FROM sqlite_schema LIMIT 1'

/** How a {@linkcode DialectConnection} is made. */
export interface DialectConnectionOptions {
  readonly role: Role
  readonly settings: ConnectionSettings
  readonly integers: DialectIntegers
  nextTurn(): Promise<void>
  /** Gives the connection back and ends its driver; called once. */
  close(): Promise<void>
}

/** The port's Connection over a connection of Kysely's. Statements run one after the other, as Kysely itself has it. */
export class DialectConnection implements Connection {
  readonly native: DatabaseConnection
  readonly #options: DialectConnectionOptions
  #last: Promise<unknown> = Promise.resolve()
  #inTransaction = false
  #statementCount = 0
  #closing: Promise<void> | undefined

  constructor(native: DatabaseConnection, options: DialectConnectionOptions) {
    this.native = native
    this.#options = options
  }

  /** What BEGIN, COMMIT and ROLLBACK left; after any error inside a transaction, what SQLite answered. */
  get inTransaction(): boolean {
    return this.#inTransaction
  }

  get mayRefuseRows(): boolean {
    return this.#options.integers.read === 'refused'
  }

  execute({ sql, parameters, kind, cacheable }: Statement): Promise<StatementResult> {
    return this.#inTurn(async () => {
      // Some drivers name columns when they prepare, before the step that notices a changed schema (node:sqlite of Deno).
      if (sql.includes('*')) await this.#run(refreshSchema)
      const { rows, numAffectedRows, insertId } = await this.#run(
        sql,
        bindable(parameters, this.#options.integers),
      )
      // Under bun:sqlite an EXPLAIN stays in progress until it is garbage: the connection would see no newer commit.
      if (kind === 'read' && !cacheable) {
        await collectGarbage()
        await this.#options.nextTurn()
      }
      return {
        rows: normalizeRows(rows, true, this.#options.settings.integers) as Row[],
        ...(numAffectedRows !== undefined && { changes: numAffectedRows }),
        ...(insertId !== undefined && { lastInsertRowid: insertId }),
      }
    })
  }

  async exec(sql: string): Promise<void> {
    await this.#inTurn(() => this.#run(sql))
  }

  begin(mode: BeginMode): Promise<void> {
    return this.#inTurn(async () => {
      await this.#run(`BEGIN ${mode}`)
      this.#inTransaction = true
    })
  }

  commit(): Promise<void> {
    return this.#end('COMMIT')
  }

  rollback(): Promise<void> {
    return this.#end('ROLLBACK')
  }

  close(): Promise<void> {
    // A driver is not pulled away from under a statement that runs.
    this.#closing ??= this.#last.then(() => this.#options.close())
    return this.#closing
  }

  #end(sql: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    return this.#inTurn(async () => {
      await this.#run(sql)
      this.#inTransaction = false
    })
  }

  async #run(sql: string, parameters: readonly unknown[] = []): Promise<QueryResult<Row>> {
    try {
      return await this.native.executeQuery<Row>(CompiledQuery.raw(sql, [...parameters]))
    } catch (error) {
      if (this.#inTransaction) this.#inTransaction = await this.#isStillOpen()
      await this.#assertOwnDatabase(error)
      throw error
    }
  }

  /**
   * RAISE(ROLLBACK), a full disk and others end the transaction, and the next statement would commit by itself. BEGIN
   * fails inside a transaction and changes nothing; outside it takes no lock, so nothing but the state decides.
   */
  async #isStillOpen(): Promise<boolean> {
    try {
      await this.native.executeQuery(CompiledQuery.raw('BEGIN'))
    } catch {
      // A driver that is broken fails here, too: then the rollback fails, and the core replaces the connection.
      return true
    }
    try {
      await this.native.executeQuery(CompiledQuery.raw('ROLLBACK'))
      return false
    } catch {
      return true
    }
  }

  /** A reader is `query_only`; on a handle that the writer has as well, no write would ever work again. */
  async #assertOwnDatabase(cause: unknown): Promise<void> {
    if (this.#options.role === 'reader' || !isReadonly(anyResultCodeOf(cause))) return
    const { rows } = await this.native.executeQuery<Row>(CompiledQuery.raw('PRAGMA query_only'))
    // biome-ignore lint/suspicious/noDoubleEquals: with integers read as bigint, 1n must equal 1
    if (rows[0]?.query_only != 1) return
    throw new OpenError(
      'Cannot write as readers and the writer share one database of the wrapped dialect: dialect() must open a ' +
        'database of its own at every call',
      { cause },
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {}).then(() => this.#letFinalizersRun())
    return done
  }

  async #letFinalizersRun(): Promise<void> {
    if (++this.#statementCount % statementsPerTurn === 0) await this.#options.nextTurn()
  }
}
