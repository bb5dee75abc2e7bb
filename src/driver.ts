/**
 * Kysely's driver: it hands out sessions and passes transactions on to them.
 *
 * @module
 */
import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely'
import { OnDemand } from './on-demand.ts'
import type { ConnectionPool } from './pool.ts'
import type { Session } from './transactions/session.ts'

/** Single queries of `storage.db` do without. */
const sessions = new OnDemand(() => import('./transactions/session.ts'))

/** The driver of one pool, which it opens on first use and closes in `destroy()`. */
export class UnbusyDriver implements Driver {
  readonly #open: () => Promise<ConnectionPool>
  #pool: ConnectionPool | undefined

  constructor(open: () => Promise<ConnectionPool>) {
    this.#open = open
  }

  async init(): Promise<void> {
    this.#pool ??= await this.#open()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#pool === undefined) throw new Error('acquireConnection() was called before init()')
    const { Session } = sessions.loaded ?? (await sessions.load())
    return new Session(this.#pool)
  }

  /** Not async, and neither is what it calls: see {@linkcode Session.begin}. */
  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return (connection as Session).begin(settings)
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Session).commit()
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Session).rollback()
  }

  savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return (connection as Session).savepoint('savepoint', name)
  }

  rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return (connection as Session).savepoint('rollback to', name)
  }

  releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    return (connection as Session).savepoint('release', name)
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return (connection as Session).release()
  }

  async destroy(): Promise<void> {
    await this.#pool?.close()
  }
}
