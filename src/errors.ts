/**
 * Every error of this library that a caller can handle: one tree, the same on every driver (contract C9).
 * Messages never hold parameter values; the driver's own error is the `cause`.
 *
 * @module
 */
import type { Outcome } from './outcome.ts'
import { isLockBusy, resultCodeName } from './result-code.ts'

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

  constructor(location: string, { file, change }: { file: string; change: 'deleted' | 'replaced' }) {
    const sidecar = /-(?:wal|shm)$/.exec(file)?.[0]
    const what = sidecar === undefined ? 'it' : `its ${sidecar} file`
    const happened = change === 'deleted' ? 'was deleted' : 'was replaced by another file'
    const cure = sidecar === undefined ? restore : reopen
    super(`Cannot use database ${location} as ${what} ${happened} while it was open: ${cure}`)
    this.file = file
    this.change = change
  }
}

const restore =
  'close the storage and open it again once the right file is there, without the -wal and -shm of another one'

const reopen =
  'close the storage and open it again. SQLite itself deletes that file when it takes this process for gone, as it does ' +
  'when the process has opened the database with fs (readFile, a copy, a stream): closing that drops the locks of SQLite'

/** What is known of a transaction that was ended as it had been open for too long. */
export interface TransactionAge {
  /** Milliseconds from its BEGIN to its end. */
  readonly ageMs: number
  /** The last statement that it ran, without parameter values. */
  readonly lastSql: string | undefined
}

/**
 * The transaction was open for longer than `maxTransactionMs`, and was rolled back: nothing of it is stored. Its
 * callback may still be running; whatever it does in the transaction from now on rejects with this error.
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

/**
 * A database server could not be reached, refused the request or gave it up. `outcome` says what that means for the work:
 * `not-applied` and `refused` (nothing of it ran), or `rolled-back` (the transaction is over, nothing of it is stored).
 * Where trying again can help, that was done until the budget was over.
 */
export class RemoteError extends UnbusyError {
  override name = 'RemoteError'
  readonly outcome: Outcome

  constructor(message: string, outcome: Outcome, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/**
 * The answer to a write was lost (contract C16): it may be committed, or not. It is never sent a second time by itself.
 * Look whether it is there; or give such a batch an `idempotencyKey`, and it is applied exactly once.
 */
export class OutcomeUnknownError extends RemoteError {
  override name = 'OutcomeUnknownError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'unknown', options)
  }
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

/** Which of the caller's rows a bulk call did not write, by their positions, ascending. */
export interface BulkFailure {
  /** The rows of the slice that failed: the bad one is among them. */
  readonly failed: readonly number[]
  /** The rows that would have come after them. */
  readonly untried: readonly number[]
  /** How many rows the call had. */
  readonly total: number
  /** Rows that the slices before it changed. */
  readonly changes: number
}

/**
 * One slice of a bulk call failed: what came before it is committed and stays, the rest was not written. `cause` is the
 * error of the slice. A call of one slice, or an atomic one, fails with that error itself.
 *
 * @example
 * ```ts
 * const unwritten = [...error.failed, ...error.untried].map((position) => rows[position])
 * ```
 */
export class BulkWriteError extends UnbusyError implements BulkFailure {
  override name = 'BulkWriteError'
  readonly failed: readonly number[]
  readonly untried: readonly number[]
  readonly total: number
  readonly changes: number

  constructor({ failed, untried, total, changes }: BulkFailure, options: ErrorOptions) {
    const unwritten = failed.length + untried.length
    const written = unwritten === total ? 'none is written' : `the other ${total - unwritten} are`
    super(
      `Cannot write ${unwritten} of ${total} rows: ${failed.length} of them failed together, the first is row ` +
        `${failed[0]}, and ${untried.length} were not tried; ${written}`,
      options,
    )
    this.failed = failed
    this.untried = untried
    this.total = total
    this.changes = changes
  }
}

/** Wraps a driver's error once; what is already ours, or has no result code, is passed on as it is. */
export function translateError(error: unknown, extendedResultCode: number | undefined): unknown {
  if (error instanceof UnbusyError || extendedResultCode === undefined) return error
  const message = error instanceof Error ? error.message : String(error)
  const SqliteErrorClass = errorClasses[extendedResultCode & 0xff] ?? SqliteError
  const create = (): SqliteError => new SqliteErrorClass(message, extendedResultCode, { cause: error })
  return isLockBusy(extendedResultCode) ? withoutStack(create) : create()
}

/**
 * Runs `attempt` with errors that have no stack: whoever waits for the lock meets a busy one hundreds of times, and to walk
 * the stack takes longer than the attempt.
 */
export function withoutStack<T>(attempt: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return attempt()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Wraps what a request to a server failed with; the message of the cause is the transport's, without parameter values. */
export function remoteError(cause: unknown, outcome: Outcome): RemoteError {
  if (outcome === 'unknown') {
    const what = 'The answer of the server to a write was lost: it may be committed, or not'
    return new OutcomeUnknownError(what, { cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RemoteError(`${outcomeSentences[outcome]}: ${reason}`, outcome, { cause })
}

const outcomeSentences: Readonly<Record<Exclude<Outcome, 'unknown'>, string>> = {
  'not-applied': 'The server could not be used; nothing of this ran',
  refused: 'The server refused the request; nothing of it ran',
  'rolled-back': 'The server gave the transaction up; nothing of it is stored',
}

/** An error of a queued write is born in a later turn, without the frames of its caller; success pays nothing for this. */
export function withCallerStack(error: unknown): unknown {
  if (!(error instanceof Error) || Object.isFrozen(error)) return error
  // Of every promise that was awaited in a later turn, Node shows one and the same frame of its own.
  const frames = deepStack()
    ?.split('\n')
    .filter((frame) => !frame.includes('processTicksAndRejections'))
  const [caller, ...callers] = frames?.slice(4) ?? []
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
