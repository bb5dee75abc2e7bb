/**
 * The package `@libsql/client`: what is used of it, and how it is loaded. Its own types must not show in ours, or every
 * user would need them.
 *
 * @module
 */
import type { SqlValue } from '../src/values.ts'
import { cannotLoadClient } from './_missing-package.ts'

/** A client of one database. */
export interface LibsqlClient extends LibsqlExecutor {
  transaction(mode: 'deferred'): Promise<LibsqlTransaction>
  close(): void
}

/** A transaction has the client's connection until it is closed. */
export interface LibsqlTransaction extends LibsqlExecutor {
  /** Whether SQLite ended it, or the client was closed. */
  readonly closed: boolean
  close(): void
}

/** What runs statements: the client outside a transaction, the transaction inside. */
export interface LibsqlExecutor {
  execute(statement: { sql: string; args: readonly unknown[] }): Promise<LibsqlResultSet>
  executeMultiple(sql: string): Promise<void>
}

export interface LibsqlResultSet {
  readonly columns: readonly string[]
  readonly rows: readonly ArrayLike<SqlValue>[]
  readonly rowsAffected: number
  readonly lastInsertRowid: bigint | undefined
}

/** Makes a client; an error in `config` throws, and so does a file that cannot be opened. */
export type CreateClient = (config: object) => LibsqlClient

/**
 * Loads the part of the package that opens files.
 *
 * @throws {OpenError} If it is not installed, or not for this platform.
 */
export async function loadLibsql(): Promise<CreateClient> {
  try {
    const module: { readonly createClient: unknown } = await import('@libsql/client/sqlite3')
    return module.createClient as CreateClient
  } catch (cause) {
    throw cannotLoadClient(cause)
  }
}
