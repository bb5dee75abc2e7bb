/**
 * Where the database of a file-based adapter is, and what is said when it cannot be opened.
 *
 * @module
 */
import { constants } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Role } from '../src/connector.ts'
import { ConfigError, OpenError, UnbusyError } from '../src/errors.ts'
import { parseDatabaseUrl } from '../src/options/database-url.ts'
import { claimFile, refuseOtherEngine } from './_engine-registry.ts'
import { isAllowed, refusedLook, statOf } from './_file-access.ts'
import { missingPermission } from './_permission.ts'

/** A path that a driver can open, or a database in memory. */
export interface FileLocation {
  /** An absolute path, or `:memory:`. */
  readonly path: string
  readonly isInMemory: boolean
}

/** An open database, and what gives its file back to other engines. */
export interface Opened<T> {
  readonly database: T
  readonly release: () => void
}

/**
 * Reads the `url` of an adapter. The path becomes absolute at once, so a later `process.chdir()` cannot move the database.
 *
 * @throws {ConfigError} If it is not a path, a `file:` URL or `:memory:`, or a path that drivers read differently.
 */
export function locateFile(url: string, dialect: string): FileLocation {
  const location = parseDatabaseUrl(url)
  if (location.kind === 'memory') return { path: ':memory:', isInMemory: true }
  if (location.kind === 'file') return { path: absolutePath(location.path), isInMemory: false }
  throw new ConfigError(
    `Cannot use a remote URL with ${dialect} as it opens files only: libsql of unbusy/libsql speaks to servers`,
  )
}

/** better-sqlite3 and bun:sqlite trim the path: they would open, and create, another file than the one that is watched. */
function absolutePath(given: string): string {
  const path = resolve(given)
  if (path.trimEnd() === path && given.isWellFormed()) return path
  throw new ConfigError(
    `Cannot use the database URL as its path is ${JSON.stringify(path)}: it must not end with white space, nor have half a character in it`,
  )
}

/**
 * Opens a database in this process, unless another SQLite engine has it open here.
 *
 * @throws {OpenError} If it cannot be opened; the message says what is wrong with the path. That a file is not a
 *   database shows only at the first statement (SQLITE_NOTADB).
 */
export function openFile<T extends { close(): void }>(
  { path, isInMemory }: FileLocation,
  engine: string,
  open: (path: string) => T,
  role: Role = 'writer',
): Opened<T> {
  if (isInMemory) return { database: open(path), release: () => {} }
  assertUsable(path, engine)
  const database = openOrExplain(path, open)
  try {
    return { database, release: claimOpened(path, engine, role) }
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * {@linkcode openFile} for a driver that opens with a promise.
 *
 * @throws {OpenError} If it cannot be opened.
 */
export async function openFileLater<T extends { close(): Promise<void> }>(
  { path, isInMemory }: FileLocation,
  engine: string,
  open: (path: string) => Promise<T>,
  role: Role = 'writer',
): Promise<Opened<T>> {
  if (isInMemory) return { database: await open(path), release: () => {} }
  assertUsable(path, engine)
  const database = await open(path).catch((cause) => explain(path, cause))
  try {
    return { database, release: claimOpened(path, engine, role) }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** @throws {OpenError} If the runtime hides the file, or another engine has it open here. */
function assertUsable(path: string, engine: string): void {
  const refusal = refusedLook(path)
  if (refusal !== undefined) explain(path, refusal)
  refuseOtherEngine(path, engine)
}

function claimOpened(path: string, engine: string, role: Role): () => void {
  if (role === 'writer') assertWritable(path)
  return claimFile(path, engine)
}

/** SQLite opens a file that it may not write without a word, and fails at the first write. */
function assertWritable(path: string): void {
  if (isAllowed(path, constants.W_OK)) return
  throw new OpenError(
    `Cannot open database ${path} as the file or its folder is read-only: the writer needs to write to both`,
  )
}

function openOrExplain<T>(path: string, open: (path: string) => T): T {
  try {
    return open(path)
  } catch (cause) {
    return explain(path, cause)
  }
}

function explain(path: string, cause: unknown): never {
  if (cause instanceof UnbusyError) throw cause
  throw new OpenError(`Cannot open database ${path} as ${reasonOf(path, cause)}`, { cause })
}

/** 512 less the end of the name of a journal (MAX_PATHNAME in os_unix.c of SQLite), whatever the file system takes. */
const maxPathBytes = 504

/** Drivers say "unable to open database file" for each of these. Nothing here opens the file itself. */
function reasonOf(path: string, cause: unknown): string {
  // Without it, what follows cannot be asked either.
  const permission = missingPermission(cause)
  if (permission !== undefined)
    return `${'Deno' in globalThis ? 'Deno' : 'Node'} does not let it: ${permission}`
  const folder = dirname(path)
  const folderStat = statOf(folder)
  // One that a folder above hides, as that may not be entered, may be there.
  if (folderStat === undefined && isAllowed(folder, constants.F_OK)) {
    return `its folder ${folder} does not exist: it must be created first`
  }
  if (folderStat?.isDirectory() === false) return `${folder} is not a folder`
  if (!isAllowed(folder, constants.X_OK)) {
    const those =
      folderStat === undefined ? 'the permissions of the folders above' : 'the permissions of the folder'
    return `this process may not enter its folder ${folder}: ${those} must allow that`
  }
  const file = statOf(path)
  if (file?.isDirectory()) return 'it is a folder: the url must name a file'
  if (file === undefined && !isAllowed(folder, constants.W_OK)) {
    return `it does not exist and this process may not create files in ${folder}`
  }
  if (file !== undefined && !isAllowed(path, constants.R_OK)) {
    return 'this process may not read it: its permissions must allow that'
  }
  const { length } = new TextEncoder().encode(path)
  if (length > maxPathBytes) return `its path has ${length} bytes: SQLite takes ${maxPathBytes} at most`
  return `the driver failed: ${cause instanceof Error ? cause.message : String(cause)}`
}
