/**
 * One connection to a libSQL server. A read is a request, a group of writes is one (`batch`, in write mode), a transaction
 * is a stream of the server that its BEGIN opens. Nothing of a connection stays at the server between them.
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
import type { LibsqlResultSet } from './_libsql-client.ts'
import { readLibsqlRows } from './_libsql-rows.ts'
import { withoutSecret } from './_secret.ts'

/** The part of the client of `@libsql/client/web` that is used. */
export interface RemoteClient {
  execute(statement: RemoteStatement): Promise<LibsqlResultSet>
  batch(statements: readonly RemoteStatement[], mode: 'write'): Promise<LibsqlResultSet[]>
  transaction(mode: 'write' | 'read'): Promise<RemoteTransaction>
  close(): void
}

interface RemoteStatement {
  readonly sql: string
  readonly args: readonly unknown[]
}

interface RemoteTransaction {
  execute(statement: RemoteStatement): Promise<LibsqlResultSet>
  commit(): Promise<void>
  rollback(): Promise<void>
  close(): void
}

/** How one connection reaches its server. */
export interface RemoteLink {
  connect(): RemoteClient
  readonly secret: string | undefined
  /** Ends a request over a WebSocket; over HTTP `fetch` has the same limit. */
  readonly requestTimeoutMs: number
  readonly isWebSocket: boolean
}

/** SQL texts shorter than this are stored at the server, which counts bytes where the client counts UTF-16 units. */
const storedSqlLimit = 5_000

const takeReadLock = 'select 1 from sqlite_schema limit 1'

/** The port's Connection over one client. */
export class LibsqlRemoteConnection implements Connection {
  readonly #link: RemoteLink
  readonly #settings: ConnectionSettings
  #client: RemoteClient | undefined
  #begun: RemoteTransaction | undefined

  constructor(link: RemoteLink, settings: ConnectionSettings) {
    this.#link = link
    this.#settings = settings
  }

  get native(): unknown {
    return this.#open()
  }

  get inTransaction(): boolean {
    return this.#begun !== undefined
  }

  async execute(statement: Statement): Promise<StatementResult> {
    const executor = this.#begun ?? this.#open()
    return this.#toResult(await this.#request(() => executor.execute(toRemote(statement))))
  }

  async executeBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    const results = await this.#request(() => this.#open().batch(statements.map(toRemote), 'write'))
    return results.map((result) => this.#toResult(result))
  }

  async exec(sql: string): Promise<void> {
    await this.execute({ sql, parameters: [], kind: 'alone', cacheable: false })
  }

  async begin(mode: BeginMode): Promise<void> {
    const transaction = await this.#request(() =>
      this.#open().transaction(mode === 'deferred' ? 'read' : 'write'),
    )
    try {
      // BEGIN rides with the first statement: with the caller's own, its callback would have started before the lock is held.
      // A read-only one sees the database as it is when it first reads.
      await this.#request(() => transaction.execute({ sql: takeReadLock, args: [] }))
    } catch (error) {
      transaction.close()
      throw error
    }
    this.#begun = transaction
  }

  async commit(): Promise<void> {
    const transaction = this.#begun
    try {
      await this.#request(async () => transaction?.commit())
    } finally {
      // The client closes the stream whatever the answer, and the server rolls back what is still open on it.
      this.#begun = undefined
    }
  }

  async rollback(): Promise<void> {
    const transaction = this.#begun
    this.#begun = undefined
    try {
      await this.#request(async () => transaction?.rollback())
    } catch {
      // The stream is closed, or was lost: the server rolls it back by itself.
    }
  }

  async close(): Promise<void> {
    await this.rollback()
    this.#client?.close()
    this.#client = undefined
  }

  #open(): RemoteClient {
    this.#client ??= this.#link.connect()
    return this.#client
  }

  async #request<T>(send: () => Promise<T>): Promise<T> {
    const { isWebSocket, secret } = this.#link
    try {
      return await (isWebSocket ? this.#withinTimeout(send) : send())
    } catch (error) {
      throw secret === undefined ? error : withoutSecret(error, secret)
    }
  }

  async #withinTimeout<T>(send: () => Promise<T>): Promise<T> {
    const { requestTimeoutMs } = this.#link
    let timer: ReturnType<typeof setTimeout> | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // An answer that comes later must not be taken for that of another request.
        this.#client?.close()
        this.#client = undefined
        reject(new DOMException(`The server did not answer within ${requestTimeoutMs} ms`, 'TimeoutError'))
      }, requestTimeoutMs)
    })
    try {
      return await Promise.race([send(), timeout])
    } finally {
      clearTimeout(timer)
    }
  }

  #toResult(result: LibsqlResultSet): StatementResult {
    const { columns, rowsAffected, lastInsertRowid } = result
    if (columns.length > 0) return { rows: readLibsqlRows(result, this.#settings.integers) }
    return { rows: [], changes: rowsAffected, ...(lastInsertRowid !== undefined && { lastInsertRowid }) }
  }
}

function toRemote(statement: Statement): RemoteStatement {
  const sql = statement.sql.toWellFormed()
  const args = statement.parameters.some(isHalfText)
    ? statement.parameters.map((value) => (isHalfText(value) ? value.toWellFormed() : value))
    : statement.parameters
  const isStored = sql.length < storedSqlLimit
  if (!isStored || sql.length * 3 < storedSqlLimit) return { sql, args }
  if (new TextEncoder().encode(sql).length < storedSqlLimit) return { sql, args }
  // Too long for the server in bytes and not for the client in units: made too long for both, it is sent as it is.
  return { sql: sql.padEnd(storedSqlLimit), args }
}

/** Whether it has one half of a character: sqld cannot read the JSON of that, and would refuse the whole request. */
function isHalfText(value: unknown): value is string {
  return typeof value === 'string' && !value.isWellFormed()
}
