/**
 * What a storage has to say that no call can reject with: it happens between the calls. Each event comes with the text of
 * the warning, as the second argument of `onWarning`.
 *
 * @module
 */
import type { SqliteError } from './errors.ts'

/** Something that somebody should look at; `kind` tells which. */
export type StorageEvent =
  | WalPinnedEvent
  | CheckpointFailedEvent
  | CheckpointWorkerFailedEvent
  | LongTransactionEvent

/**
 * A reader, or a process that was stopped in a checkpoint of its own, has kept a checkpoint from finishing for more than a
 * second: until it ends, the WAL grows with every write (contract C13). Told once for each such episode; writes go on, and
 * the WAL recovers when it ends.
 */
export interface WalPinnedEvent extends WalPin {
  readonly kind: 'wal-pinned'
  /** The size of the WAL file, in bytes. */
  readonly walBytes: number
}

/** A reader that the checkpoints of a storage cannot get past. */
export interface WalPin {
  /**
   * Who reads, as far as it can be told: a stream or read-only transaction of this storage (`own`), or a connection that
   * is not of this storage, mostly of another process (`other`).
   */
  readonly reader: 'own' | 'other'
  /** Since when, in ms since the epoch: when the own reader began, or when a checkpoint first met the other one. */
  readonly since: number
}

/** SQLite could not checkpoint, as with a full disk. Told once until one succeeds; nothing is lost, the WAL grows. */
export interface CheckpointFailedEvent {
  readonly kind: 'checkpoint-failed'
  readonly error: SqliteError
}

/** The worker that checkpoints could not be started, or died. */
export interface CheckpointWorkerFailedEvent {
  readonly kind: 'checkpoint-worker-failed'
  /** Whether another one takes its place, or the writer checkpoints from now on, on the event loop. */
  readonly goesOn: 'worker' | 'writer'
  readonly error: unknown
}

/** A transaction, `db.connection()` or stream that has been open for long. */
export interface LongTransactionEvent {
  readonly kind: 'long-transaction'
  /** A transaction or `db.connection()` that writes, or a stream or read-only transaction. */
  readonly holds: 'writer' | 'reader'
  /** Milliseconds since it began. */
  readonly ageMs: number
  /** Milliseconds since its last statement ended, 0 while one runs; not known of a stream. */
  readonly idleMs: number | undefined
  /** The last statement that it ran, without parameter values. */
  readonly lastSql: string | undefined
  /** Whether the storage took its connection back (`maxTransactionMs`): what it had not committed is rolled back. */
  readonly isEnded: boolean
}

/** Told about events; the message says in words what the event is. */
export type OnWarning = (message: string, event?: StorageEvent) => void
