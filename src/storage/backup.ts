/**
 * Copies a database, and says where the copy goes. Loaded when one is made.
 *
 * @module
 */
import type { Statement } from '../connector.ts'
import { ConfigError, type SqliteError, UnsupportedError, withCallerStack } from '../errors.ts'
import { parseDatabaseUrl } from '../options/database-url.ts'
import type { ConnectionPool } from '../pool.ts'

const subject = 'the path of the backup'

/**
 * Copies the database to a new file. Whether the storage takes it in was asked at the call: its `db` would ask once more, now
 * that this is loaded, and refuse what was called for before `close()` (contract C15).
 *
 * @throws {ConfigError} If the path is not that of a file, or that of one which is no database.
 * @throws {SqliteError} If it is that of a database.
 * @throws {UnsupportedError} If the database is on a server.
 */
export async function copy(pool: ConnectionPool, path: string): Promise<void> {
  try {
    const statement = backupTo(path)
    if (pool.connector.capabilities.remote) throw onServer()
    const wait = pool.startWait()
    await pool.queue.exclusive(wait, (writer) => writer.tryExecute(statement, wait))
  } catch (error) {
    const isOverwriting = (error as Partial<SqliteError>).code === 'SQLITE_NOTADB'
    throw withCallerStack(isOverwriting ? overwriting(error) : error)
  }
}

/** If it took the statement at all, the file would be on its machine. */
function onServer(): UnsupportedError {
  return new UnsupportedError(
    'Cannot back up the database as it is on a server, which writes no file here: use the backups of the server',
  )
}

/** SQLite opens what is there before it refuses to overwrite it: the database that is copied is none that is damaged. */
function overwriting(cause: unknown): ConfigError {
  return new ConfigError(
    `Cannot use ${subject} as there is a file already, which is no database: name a new one`,
    { cause },
  )
}

/**
 * The path is read as that of a database: each driver would read a `file:` URL differently, and SQLite takes an empty name,
 * as well as `:memory:`, for a database that is thrown away.
 */
function backupTo(path: string): Statement {
  const location = parseDatabaseUrl(path, subject)
  if (location.kind === 'file') {
    return { sql: 'VACUUM INTO ?', parameters: [location.path], kind: 'alone', cacheable: false }
  }
  throw new ConfigError(`Cannot use ${subject} as it is not that of a file: it must be a path or a file: URL`)
}
