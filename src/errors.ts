/**
 * Every error of this library that a caller can handle: one tree, the same on every driver (contract C9).
 * Messages never hold parameter values; the driver's own error is the `cause`.
 *
 * @module
 */
import { isConstraint, resultCodeName } from './result-code.ts'

/** The root of the tree: `error instanceof UnbusyError` is true for whatever this library throws on purpose. */
export class UnbusyError extends Error {
  override name = 'UnbusyError'
}

/** An option, a URL or an environment variable that cannot be used. Thrown before anything is opened. */
export class ConfigError extends UnbusyError {
  override name = 'ConfigError'
}

/** The database could not be opened: the path, the file or the driver package is not what it must be. */
export class OpenError extends UnbusyError {
  override name = 'OpenError'
}

/** A statement or a parameter that is refused before anything runs: SQL text, parameter count or value. */
export class InvalidStatementError extends UnbusyError {
  override name = 'InvalidStatementError'
}

/** BEGIN, COMMIT, ROLLBACK or SAVEPOINT as raw SQL in a place where nothing could end or own it. */
export class TransactionControlError extends UnbusyError {
  override name = 'TransactionControlError'
}

/** The dialect, or this role of a connection, cannot do what was asked; the message says what can. */
export class UnsupportedError extends UnbusyError {
  override name = 'UnsupportedError'
}

/** So many writes wait already that no more are taken in (`maxQueuedWrites`). Nothing of this one ran. */
export class QueueFullError extends UnbusyError {
  override name = 'QueueFullError'
}

/**
 * The barrier of a write-behind buffer was not reached in time. Nothing is lost by that: the buffer keeps what it could
 * not write, and goes on.
 */
export class FlushTimeoutError extends UnbusyError {
  override name = 'FlushTimeoutError'
  /** What the buffer had not written yet. */
  readonly pending: number

  constructor(message: string, pending: number) {
    super(message)
    this.pending = pending
  }
}

/** The storage is closing or closed: nothing new is taken in. */
export class StorageClosedError extends UnbusyError {
  override name = 'StorageClosedError'
}

/**
 * The transaction was ended by SQLite itself, or by a failed COMMIT, and refuses what comes after (contract C10).
 * Nothing of it is stored. `cause` is the error that ended it.
 */
export class TransactionEndedError extends UnbusyError {
  override name = 'TransactionEndedError'
}

/** A write through the outer `db` waited for the very transaction that awaits it (contract C11). */
export class OuterWriteError extends UnbusyError {
  override name = 'OuterWriteError'
}

/** What a lock wait had seen when it gave up. */
export interface LockWaitReport {
  /** Milliseconds from the call to the end of the wait, time in the queue included. */
  readonly waitedMs: number
  /** How often the queue asked for the lock meanwhile, for all that wait; 0 if this process itself had it. */
  readonly attempts: number
}

/**
 * The lock was not free within `lockTimeoutMs` (contract C3). Nothing of the work ran, and nothing of it will.
 */
export class LockTimeoutError extends UnbusyError implements LockWaitReport {
  override name = 'LockTimeoutError'
  readonly waitedMs: number
  readonly attempts: number
  /** Always true: whatever waited for the lock did not run, so it is safe to do it again. */
  readonly nothingRan = true

  constructor(what: string, report: LockWaitReport, options?: ErrorOptions) {
    super(`${what} after waiting ${Math.round(report.waitedMs)} ms; nothing of it ran`, options)
    this.waitedMs = report.waitedMs
    this.attempts = report.attempts
  }
}

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
    // libSQL puts the name of the primary code in front.
    super(`${code}: ${message.replace(/^SQLITE_\w+: /, '')}`, options)
    this.resultCode = extendedResultCode & 0xff
    this.extendedResultCode = extendedResultCode
    this.code = code
  }
}

/** A constraint refused the write: UNIQUE, NOT NULL, CHECK, FOREIGN KEY, a trigger's RAISE. */
export class ConstraintError extends SqliteError {
  override name = 'ConstraintError'
}

/** Which rows of a bulk call were not written. Of rows with the same key the first one counts. */
export interface BulkFailure {
  /** Where the slice that failed starts in the caller's rows: `rows.slice(start)` is what was not written. */
  readonly start: number
  /** Where it ends: the bad row is in `rows.slice(start, end)`. */
  readonly end: number
  /** How many rows the call had. */
  readonly total: number
  /** Rows that the slices before it changed. */
  readonly changes: number
}

/**
 * One slice of a bulk call failed: what came before it is committed and stays, the rest was not written. `cause` is the
 * error of the slice. A call of one slice, or an atomic one, fails with that error itself.
 */
export class BulkWriteError extends UnbusyError implements BulkFailure {
  override name = 'BulkWriteError'
  readonly start: number
  readonly end: number
  readonly total: number
  readonly changes: number

  constructor({ start, end, total, changes }: BulkFailure, options: ErrorOptions) {
    const stored = start === 0 ? 'nothing is stored' : `the ${start} before them are stored`
    super(
      `Cannot write rows ${start} to ${end - 1} of ${total}; ${stored}, what follows was not written`,
      options,
    )
    this.start = start
    this.end = end
    this.total = total
    this.changes = changes
  }
}

/** Wraps a driver's error once; what is already ours, or has no result code, is passed on as it is. */
export function translateError(error: unknown, extendedResultCode: number | undefined): unknown {
  if (error instanceof UnbusyError || extendedResultCode === undefined) return error
  const message = error instanceof Error ? error.message : String(error)
  const SqliteErrorClass = isConstraint(extendedResultCode) ? ConstraintError : SqliteError
  return new SqliteErrorClass(message, extendedResultCode, { cause: error })
}

/** An error of a queued write is born in a later turn, without the frames of its caller; success pays nothing for this. */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof Error) || Object.isFrozen(error)) return error
  const [caller, ...callers] = deepStack()?.split('\n').slice(4) ?? []
  // Seen already when a connection noted it: it lies deeper on the way back.
  if (caller === undefined || error.stack?.includes(caller)) return error
  error.stack = [error.stack, caller, ...callers].join('\n')
  return error
}

/** Inside a transaction, Kysely's own frames alone fill the ten that an error has. */
function deepStack(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  try {
    return new Error().stack
  } finally {
    Error.stackTraceLimit = limit
  }
}
