/**
 * One libSQL connection to a local file. The client's prepared statements do not survive SQLITE_BUSY: one that met it
 * stays in progress until it is garbage, and what is written after it is acknowledged and lost
 * (https://github.com/tursodatabase/libsql-js/issues/237). So every lock is taken and given back on the client's other
 * path, `executeMultiple`, which finalizes what it runs.
 *
 * @module
 */
import type {
  BeginMode,
  Connection,
  ConnectionSettings,
  Statement,
  StatementResult,
} from '../src/connector.ts'
import type { LibsqlClient, LibsqlExecutor, LibsqlTransaction } from './_libsql-client.ts'
import { collectGarbage } from './_libsql-garbage.ts'
import { readLibsqlRows } from './_libsql-rows.ts'

/** Statements between two macrotasks: in microtasks alone no finalizer runs, and 100,000 of them hold 500 MB. */
const statementsPerTurn = 50

/** Has the connection read the schema again if another one changed it; it takes the read lock, so it can be busy. */
const refreshSchema = 'SELECT 1 FROM sqlite_schema LIMIT 1'

/** The port's Connection over one client. Its statements are freed by the garbage collector alone. */
export class LibsqlConnection implements Connection {
  readonly #client: LibsqlClient
  readonly #settings: ConnectionSettings
  readonly #nextTurn: () => Promise<void>
  #begun: LibsqlTransaction | undefined
  readonly #onClose: () => Promise<void>
  #isClosed = false
  #preparedStatements = 0
  #running = 0

  /**
   * @param client A client of one connection, whose integers are bigint.
   * @param onClose Called once, when it is closed.
   */
  constructor(
    client: LibsqlClient,
    settings: ConnectionSettings,
    nextTurn: () => Promise<void>,
    onClose: () => Promise<void>,
  ) {
    this.#client = client
    this.#settings = settings
    this.#nextTurn = nextTurn
    this.#onClose = onClose
  }

  get native(): unknown {
    return this.#client
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined
  }

  async execute({ sql, parameters, kind, cacheable }: Statement): Promise<StatementResult> {
    this.#running++
    try {
      const executor = this.#executor
      // Columns are named when a statement is prepared, before the step that notices a changed schema.
      if (this.#begun === undefined && sql.includes('*')) await executor.executeMultiple(refreshSchema)
      const result = await executor.execute({ sql, args: parameters })
      // An EXPLAIN of a write stays in progress until it is garbage, and COMMIT would wait for it.
      if (kind === 'read' && !cacheable) {
        await collectGarbage()
        await this.#nextTurn()
      }
      if (result.columns.length > 0) return { rows: readLibsqlRows(result, this.#settings.integers) }
      const lastInsertRowid = await exactRowid(executor, result.lastInsertRowid)
      return { rows: [], changes: result.rowsAffected, lastInsertRowid }
    } finally {
      this.#running--
      // After the statement: before it, statements that were sent together would change their order.
      await this.#letFinalizersRun()
    }
  }

  async exec(sql: string): Promise<void> {
    await this.#executor.executeMultiple(sql)
  }

  async begin(mode: BeginMode): Promise<void> {
    // Only transaction() keeps the connection from the pool, and its deferred BEGIN takes no lock that could be busy.
    this.#begun = await this.#client.transaction('deferred')
    try {
      // A deferred one takes its read lock later, and sees the schema then.
      const refresh = mode === 'deferred' ? '' : `;${refreshSchema}`
      await this.#begun.executeMultiple(`ROLLBACK;BEGIN ${mode}${refresh}`)
    } catch (error) {
      await this.rollback()
      throw error
    } finally {
      await this.#letFinalizersRun()
    }
  }

  async commit(): Promise<void> {
    await this.#executor.executeMultiple('COMMIT')
    this.#settle()
  }

  async rollback(): Promise<void> {
    try {
      await this.#transaction?.executeMultiple('ROLLBACK')
      this.#settle()
    } catch (error) {
      // The client would put a new connection in the place of one that cannot roll back, without its pragmas.
      this.#client.close()
      throw error
    }
  }

  async close(): Promise<void> {
    // SQLite keeps a closed connection, and the lock of its transaction, until its last statement is finalized.
    await this.#transaction?.executeMultiple('ROLLBACK').catch(() => {})
    // Reads share a connection: those that stand in the client's line for it would be refused.
    if (this.#begun === undefined) while (this.#running > 0) await this.#nextTurn()
    this.#client.close()
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#onClose()
  }

  get #executor(): LibsqlExecutor {
    return this.#transaction ?? this.#client
  }

  get #transaction(): LibsqlTransaction | undefined {
    this.#settle()
    return this.#begun
  }

  /** Gives the connection back to the pool once the transaction is over, be it by SQLite's own decision. */
  #settle(): void {
    if (this.#begun?.closed !== true) return
    this.#begun.close()
    this.#begun = undefined
  }

  async #letFinalizersRun(): Promise<void> {
    if (++this.#preparedStatements % statementsPerTurn === 0) await this.#nextTurn()
  }
}

/** The client passes rowids through a double, which rounds from 2^53 on. */
async function exactRowid(executor: LibsqlExecutor, rowid: bigint | undefined): Promise<bigint> {
  const reported = rowid ?? 0n
  if (Number.isSafeInteger(Number(reported))) return reported
  const { rows } = await executor.execute({ sql: 'select last_insert_rowid()', args: [] })
  const exact = rows[0]?.[0] as bigint
  // Another statement may have inserted meanwhile; the rounded one is nearer than a stranger's.
  return Number(exact) === Number(reported) ? exact : reported
}
