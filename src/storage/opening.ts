/**
 * Where a program starts: one call opens one database.
 *
 * @module
 */
import { openPool } from '../pool/opening.ts'
import { Storage } from '../storage.ts'
import type { StorageOptions } from './kysely.ts'

/**
 * Opens a database. The writer is connected and initialized when this resolves (contract C1).
 *
 * @throws {ConfigError | RangeError} If an option cannot be used; nothing was opened.
 * @throws {OpenError} If the database cannot be opened; the message says what is wrong with it.
 * @throws {LockTimeoutError} If another process kept the file locked while it had to be created or switched to WAL.
 *
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { betterSqlite3 } from 'unbusy/better-sqlite3'
 *
 * await using storage = await openStorage<Database>({ connector: betterSqlite3({ url: 'file:./app.db' }) })
 * await storage.db.insertInto('note').values({ text: 'hello' }).execute()
 * ```
 */
export async function openStorage<DB>(options: StorageOptions): Promise<Storage<DB>> {
  return new Storage<DB>(await openPool(options), options)
}
