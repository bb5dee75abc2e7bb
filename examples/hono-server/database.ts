/**
 * Opens and closes the demo's database: the one place that knows where it is.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import {
  type CloseReport,
  LockTimeoutError,
  OpenError,
  parseDatabaseUrl,
  RemoteError,
  type Storage,
} from 'unbusy'
import { type AutoStorageOptions, openStorage } from 'unbusy/auto'
import { migrate } from './migrations.ts'
import type { Database } from './schema.ts'

/** An open database with an up to date schema. */
export interface OpenDatabase {
  readonly storage: Storage<Database>
  /** The file, if it is one, or how else people call the place. */
  readonly location: string
  /** The file's path; absent if there is no file. */
  readonly path: string | undefined
}

/**
 * Opens the database, creates its folder if it is missing, and migrates.
 *
 * @throws {UnbusyError} If it cannot be opened; the message says why.
 */
export async function openDatabase(options: AutoStorageOptions): Promise<OpenDatabase> {
  const place = parseDatabaseUrl(options.url)
  const path = place.kind === 'file' ? resolve(place.path) : undefined
  // Of a remote URL the host only: the rest may hold credentials.
  const location = path ?? (place.kind === 'remote' ? new URL(place.url).host : 'memory')
  if (path !== undefined) await createFolder(dirname(path))
  const storage = await openStorage<Database>(options).catch((error) => {
    throw isOfServer(error) ? serverError(error, location) : error
  })
  try {
    await migrate(storage.db)
  } catch (error) {
    await storage.close()
    throw error
  }
  return { storage, location, path }
}

function isOfServer(error: unknown): error is Error {
  return error instanceof LockTimeoutError && error.cause instanceof RemoteError
}

/** The error of the storage tells neither which server could not be used, nor in a few words why. */
function serverError(error: Error, location: string): OpenError {
  let last: Error & { readonly code?: unknown } = error
  while (last.cause instanceof Error) last = last.cause
  const reason = last.message === '' ? last.code : last.message
  return new OpenError(`Cannot use the server of the database, ${location}: ${reason}`, { cause: error })
}

/** Closes it, buffers and queued writes first. Answers what was not finished, and what is left of the WAL in words. */
export async function closeDatabase({
  storage,
  path,
}: OpenDatabase): Promise<{ readonly report: CloseReport; readonly wal: string }> {
  const { connector } = storage.stats()
  const report = await storage.close()
  if (path === undefined) return { report, wal: 'no file' }
  const name = `${basename(path)}-wal`
  // Asked of the file system without opening it: closing a descriptor of the database would drop SQLite's locks.
  if (!existsSync(`${path}-wal`)) return { report, wal: `no ${name} left` }
  const reason = `another process has it open, or ${connector} keeps it`
  return { report, wal: `${name} is still there (${reason}): the next start reads it` }
}

async function createFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OpenError(`Cannot create the folder of the database, ${folder}: ${reason}`, { cause })
  }
}
