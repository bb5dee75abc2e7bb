/**
 * What SQLite itself reported, the same on every driver (contract C9): the classes by result code, and how the error of a
 * driver becomes one of them.
 *
 * @module
 */
import { isLockBusy, resultCodeName } from '../result-code.ts'
import { withoutStack } from './error-stack.ts'
import { UnbusyError } from './unbusy-error.ts'

/**
 * libSQL puts the name of the primary code in front, and its server does so once more; D1 puts its own name in front, and
 * the codes behind.
 */
const codesOfDrivers =
  /^(?:SQL(?:ITE)?_\w+: |SQLite error: |D1_ERROR: )+|: SQLITE_[A-Z]+(?: \(extended: SQLITE_\w+\))?$/g

/** An error that SQLite itself reported, with its result code (https://www.sqlite.org/rescode.html). */
export class SqliteError extends UnbusyError {
  override name = 'SqliteError'
  /** The primary result code, such as 19 for SQLITE_CONSTRAINT. */
  readonly resultCode: number
  /** The extended result code, such as 2067 for SQLITE_CONSTRAINT_UNIQUE; equal to the primary one if there is none. */
  readonly extendedResultCode: number
  /** The name of the extended result code, such as `SQLITE_CONSTRAINT_UNIQUE`. */
  readonly code: string

  constructor(message: string, extendedResultCode: number, options?: ErrorOptions) {
    const code = resultCodeName(extendedResultCode)
    super(`${code}: ${message.replace(codesOfDrivers, '')}`, options)
    this.resultCode = extendedResultCode & 0xff
    this.extendedResultCode = extendedResultCode
    this.code = code
  }
}

/** A constraint refused the write: UNIQUE, NOT NULL, CHECK, FOREIGN KEY, a trigger's RAISE. */
export class ConstraintError extends SqliteError {
  override name = 'ConstraintError'
}

/**
 * There is no room for what was to be written: the disk is full, or `max_page_count` is reached. Nothing of it is stored;
 * when there is room again, the storage goes on as it is.
 */
export class DatabaseFullError extends SqliteError {
  override name = 'DatabaseFullError'
}

/** The system refused to read or write a file (SQLITE_IOERR): a failing disk, a quota or a limit on the size of files. */
export class DatabaseIoError extends SqliteError {
  override name = 'DatabaseIoError'
}

/** The database, its folder or the connection may not be written to. Nothing of the write is stored. */
export class ReadonlyDatabaseError extends SqliteError {
  override name = 'ReadonlyDatabaseError'
}

/** The file is damaged, or no database at all. Trying again would not help: restore it from a backup. */
export class CorruptDatabaseError extends SqliteError {
  override name = 'CorruptDatabaseError'
}

/** By primary result code. */
const errorClasses: Readonly<Record<number, typeof SqliteError>> = {
  8: ReadonlyDatabaseError,
  10: DatabaseIoError,
  11: CorruptDatabaseError,
  13: DatabaseFullError,
  19: ConstraintError,
  26: CorruptDatabaseError,
}

/** Wraps a driver's error once; what is already ours, or has no result code, is passed on as it is. */
export function translateError(error: unknown, extendedResultCode: number | undefined): unknown {
  if (error instanceof UnbusyError || extendedResultCode === undefined) return error
  const message = error instanceof Error ? error.message : String(error)
  const SqliteErrorClass = errorClasses[extendedResultCode & 0xff] ?? SqliteError
  const create = (): SqliteError => new SqliteErrorClass(message, extendedResultCode, { cause: error })
  return isLockBusy(extendedResultCode) ? withoutStack(create) : create()
}
