/**
 * SQLite's result codes: their names, and how each driver tells them. The one place that knows what is transient.
 *
 * Codes: https://www.sqlite.org/rescode.html. The low byte of an extended code is its primary code.
 *
 * @module
 */

const primaryNames: readonly string[] = (
  'OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL ' +
  'CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB NOTICE WARNING'
).split(' ')

/** The extended names of a primary code, in the order of their high bytes, from 1. */
const extendedNames: Readonly<Record<string, string>> = {
  ERROR: 'MISSING_COLLSEQ RETRY SNAPSHOT RESERVESIZE KEY UNABLE',
  ABORT: '. ROLLBACK',
  BUSY: 'RECOVERY SNAPSHOT TIMEOUT',
  LOCKED: 'SHAREDCACHE VTAB',
  READONLY: 'RECOVERY CANTLOCK ROLLBACK DBMOVED CANTINIT DIRECTORY',
  IOERR:
    'READ SHORT_READ WRITE FSYNC DIR_FSYNC TRUNCATE FSTAT UNLOCK RDLOCK DELETE BLOCKED NOMEM ACCESS ' +
    'CHECKRESERVEDLOCK LOCK CLOSE DIR_CLOSE SHMOPEN SHMSIZE SHMLOCK SHMMAP SEEK DELETE_NOENT MMAP ' +
    'GETTEMPPATH CONVPATH VNODE AUTH BEGIN_ATOMIC COMMIT_ATOMIC ROLLBACK_ATOMIC DATA CORRUPTFS IN_PAGE BADKEY CODEC',
  CORRUPT: 'VTAB SEQUENCE INDEX',
  CANTOPEN: 'NOTEMPDIR ISDIR FULLPATH CONVPATH DIRTYWAL SYMLINK',
  CONSTRAINT:
    'CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE',
  NOTICE: 'RECOVER_WAL RECOVER_ROLLBACK RBU',
  WARNING: 'AUTOINDEX',
  AUTH: 'USER',
}

const codes: readonly (readonly [name: string, code: number])[] = primaryNames.flatMap((base, primary) => [
  [`SQLITE_${base}`, primary] as const,
  ...(extendedNames[base]?.split(' ') ?? []).map(
    (name, index) => [`SQLITE_${base}_${name}`, primary | ((index + 1) << 8)] as const,
  ),
])
const codeOf: ReadonlyMap<string, number> = new Map(codes)
const nameOf: ReadonlyMap<number, string> = new Map(codes.map(([name, code]) => [code, name]))

/** The code of a name such as `SQLITE_BUSY_SNAPSHOT`, for drivers that tell nothing else. */
export function resultCodeNamed(name: string): number | undefined {
  return codeOf.get(name)
}

/** The name of an extended result code, such as `SQLITE_BUSY_SNAPSHOT` for 517; its primary name where it has none. */
export function resultCodeName(code: number): string {
  return nameOf.get(code) ?? nameOf.get(code & 0xff) ?? `SQLITE_UNKNOWN_${code}`
}

/**
 * The extended result code that an error of any local driver carries, or `undefined` for an error that is not SQLite's.
 * The text is never read: node:sqlite says "database is locked" for both 5 and 517.
 *
 * - this library's errors: `extendedResultCode`
 * - node:sqlite: `errcode`
 * - libsql: `rawCode`
 * - bun:sqlite: `errno` beside a `SQLITE_…` code (a system error has a negative errno and another code)
 * - better-sqlite3: `code` only
 */
export function resultCodeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { extendedResultCode, errcode, rawCode, errno, code } = error as Record<string, unknown>
  if (typeof extendedResultCode === 'number') return extendedResultCode
  if (typeof errcode === 'number') return errcode
  if (typeof rawCode === 'number') return rawCode
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined
  return typeof errno === 'number' && errno > 0 ? errno : codeOf.get(code)
}

/** Another connection holds the lock; asking again later can work. BUSY_SNAPSHOT is not among them. */
export function isLockBusy(code: number | undefined): boolean {
  if (code === undefined || code === codeOf.get('SQLITE_BUSY_SNAPSHOT')) return false
  // PROTOCOL is what a crowd that starts at once meets when the WAL index changes under it: transient as well.
  return (code & 0xff) === 5 || (code & 0xff) === 15
}

/** The snapshot of this transaction is too old to write: only running the whole transaction again can help. */
export function isSnapshotStale(code: number | undefined): boolean {
  return code === codeOf.get('SQLITE_BUSY_SNAPSHOT')
}

/** The connection was asked to write and cannot: it is `query_only`, or the file is read-only. Nothing ran. */
export function isReadonly(code: number | undefined): boolean {
  return code !== undefined && (code & 0xff) === 8
}

/** The file, or one beside it, cannot be opened. */
export function isCannotOpen(code: number): boolean {
  return (code & 0xff) === 14
}

/** A constraint of the schema refused the statement. */
export function isConstraint(code: number): boolean {
  return (code & 0xff) === 19
}

/** The file is damaged, or no database. */
export function isCorrupt(code: number): boolean {
  return (code & 0xff) === 11 || isNotADatabase(code)
}

/** The file holds something else than a database, or an encrypted one. */
export function isNotADatabase(code: number): boolean {
  return (code & 0xff) === 26
}

/** The value does not fit, whatever the statement: SQLITE_TOOBIG, SQLITE_MISMATCH, SQLITE_RANGE. */
export function isValueMisfit(code: number): boolean {
  return [18, 20, 25].includes(code & 0xff)
}

/** "no such table" as well as "integer overflow": https://www.sqlite.org/rescode.html#error */
export function isGeneric(code: number): boolean {
  return (code & 0xff) === 1
}

/** Whether an error of ours, or its cause, carries such a code. */
export function hasResultCode(error: unknown, isSuch: (code: number) => boolean): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = resultCodeOf(at)
    if (code !== undefined) return isSuch(code)
  }
  return false
}
