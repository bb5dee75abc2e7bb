/**
 * Every error of this library that a caller can handle: one tree, the same on every driver (contract C9).
 * Messages never hold parameter values; the driver's own error is the `cause`.
 *
 * @module
 */
import { UnbusyError } from './errors/unbusy-error.ts'

export { type BulkFailure, BulkWriteError } from './errors/bulk-error.ts'
export { withCallerStack, withoutStack } from './errors/error-stack.ts'
export { OutcomeUnknownError, RemoteError, remoteError } from './errors/remote-errors.ts'
export {
  ConstraintError,
  CorruptDatabaseError,
  DatabaseFullError,
  DatabaseIoError,
  ReadonlyDatabaseError,
  SqliteError,
  translateError,
} from './errors/sqlite-errors.ts'
export { UnbusyError } from './errors/unbusy-error.ts'

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

/**
 * The database, its `-wal` or its `-shm` was deleted or replaced while it was open, so what is written goes to a file that
 * nobody finds any more. Noticed by `stat` before a write is acknowledged. What rejects with this is not safely stored:
 * it may be there or not. From then on the storage refuses writes and reads with it: close it, see to the cause, and open
 * it again. What was acknowledged in the very milliseconds in which another process deleted the WAL gets into the
 * database within a second, or at the close of the storage, unless others wrote in between.
 */
export class FileReplacedError extends UnbusyError {
  override name = 'FileReplacedError'
  /** The path of what was deleted or replaced. */
  readonly file: string
  readonly change: 'deleted' | 'replaced'

  constructor(message: string, { file, change }: { file: string; change: 'deleted' | 'replaced' }) {
    super(message)
    this.file = file
    this.change = change
  }
}

/** What is known of a transaction that was ended as it had been open for too long. */
export interface TransactionAge {
  /** Milliseconds from its BEGIN to its end. */
  readonly ageMs: number
  /** The last statement that it ran, without parameter values. */
  readonly lastSql: string | undefined
}

/**
 * The transaction or `db.connection()` was open for longer than `maxTransactionMs`: what it had not committed is rolled
 * back, of a transaction everything. Its callback may still be running; whatever it does in there from now on rejects
 * with this error.
 */
export class TransactionTimeoutError extends UnbusyError implements TransactionAge {
  override name = 'TransactionTimeoutError'
  readonly ageMs: number
  readonly lastSql: string | undefined

  constructor(message: string, { ageMs, lastSql }: TransactionAge) {
    super(message)
    this.ageMs = ageMs
    this.lastSql = lastSql
  }
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
