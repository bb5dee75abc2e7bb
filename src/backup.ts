/**
 * Where a copy of the database goes. Loaded when one is made.
 *
 * @module
 */
import { CompiledQuery } from 'kysely'
import { parseDatabaseUrl } from './database-url.ts'
import { ConfigError } from './errors.ts'

/**
 * The statement that copies the database to a new file.
 *
 * @param path As that of a database: each driver would read a `file:` URL differently, and SQLite takes an empty name, as
 *   well as `:memory:`, for a database that is thrown away.
 * @throws {ConfigError} If it is not that of a file.
 */
export function backupTo(path: string): CompiledQuery {
  const subject = 'the path of the backup'
  const location = parseDatabaseUrl(path, subject)
  if (location.kind === 'file') return CompiledQuery.raw('VACUUM INTO ?', [location.path])
  throw new ConfigError(`Cannot use ${subject} as it is not that of a file: it must be a path or a file: URL`)
}
