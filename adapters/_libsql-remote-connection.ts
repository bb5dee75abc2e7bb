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
import { type RemoteStatement, toRemote } from './_libsql-remote-statement.ts'
import { readLibsqlRows } from './_libsql-rows.ts'
import { remoteReadError } from './_remote-errors.ts'
import { answeredWithin } from './_request-timeout.ts'
import { withoutSecret } from './_secret.ts'
import { checkMessage } from './_socket-message.ts'

/** The part of the client of `@libsql/client/web` that is used. */
export interface RemoteClient {
  execute(statement: RemoteStatement): Promise<LibsqlResultSet>
  batch(statements: readonly RemoteStatement[], mode: 'write'): Promise<LibsqlResultSet[]>
  transaction(mode: 'write' | 'read'): Promise<RemoteTransaction>
  close(): void
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
  /** After so long without a request a WebSocket is closed, as it would keep the process alive. The next request opens one. */
  readonly idleMs: number
}

const takeReadLock = 'select 1 from sqlite_schema limit 1'

/** The port's Connection over one client. */
export class LibsqlRemoteConnection implements Connection {
  readonly #link: RemoteLink
  readonly #settings: ConnectionSettings
  #client: RemoteClient | undefined
  #begun: RemoteTransaction | undefined
  #requests = 0
  /** Requests ever sent. */
  #sent = 0
  #idleTimer: ReturnType<typeof setTimeout> | undefined

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
    const [only] = this.#toSend([statement]) as [RemoteStatement]
    const executor = this.#begun ?? this.#open()
    const isRead = this.#begun === undefined && statement.kind === 'read'
    return this.#toResult(await this.#request(() => executor.execute(only), isRead))
  }

  async executeBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    const toSend = this.#toSend(statements)
    const isRead = statements.every(({ kind }) => kind === 'read')
    const results = await this.#request(() => this.#open().batch(toSend, 'write'), isRead)
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
    this.#hangUp()
  }

  #toSend(statements: readonly Statement[]): RemoteStatement[] {
    const toSend = statements.map(toRemote)
    if (this.#link.isWebSocket) checkMessage(toSend)
    return toSend
  }

  #open(): RemoteClient {
    this.#client ??= this.#link.connect()
    return this.#client
  }

  #hangUp(): void {
    clearTimeout(this.#idleTimer)
    this.#client?.close()
    this.#client = undefined
  }

  /** @param isRead Whether it is nothing but a read, which is sent again when its answer was lost. */
  async #request<T>(send: () => Promise<T>, isRead = false): Promise<T> {
    const { isWebSocket, secret } = this.#link
    const isAlone = this.#requests === 0
    const number = ++this.#sent
    try {
      return await (isWebSocket ? this.#overSocket(send) : send())
    } catch (error) {
      if (secret !== undefined) withoutSecret(error, secret)
      // A WebSocket that breaks has the same error for all who use it, whosever answer it was.
      const isOwn = !isWebSocket || (isAlone && number === this.#sent)
      throw isRead && isOwn ? remoteReadError(error) : error
    }
  }

  async #overSocket<T>(send: () => Promise<T>): Promise<T> {
    clearTimeout(this.#idleTimer)
    this.#requests++
    try {
      // An answer that comes later must not be taken for that of another request.
      return await answeredWithin(this.#link.requestTimeoutMs, 'The server', send(), () => this.#hangUp())
    } finally {
      if (--this.#requests === 0 && this.#client !== undefined) this.#hangUpWhenIdle()
    }
  }

  #hangUpWhenIdle(): void {
    const timer = setTimeout(() => {
      if (this.#begun === undefined) this.#hangUp()
    }, this.#link.idleMs)
    this.#idleTimer = timer
    // The socket itself keeps the process alive until then. An isolate has numbers for timers.
    ;(timer as { unref?(): void }).unref?.()
  }

  #toResult(result: LibsqlResultSet): StatementResult {
    const { columns, rowsAffected, lastInsertRowid } = result
    if (columns.length > 0) return { rows: readLibsqlRows(result, this.#settings.integers) }
    return { rows: [], changes: rowsAffected, ...(lastInsertRowid !== undefined && { lastInsertRowid }) }
  }
}
