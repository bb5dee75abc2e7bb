/**
 * How an append queue is configured, and what it tells of itself.
 *
 * @module
 */
import type { Insertable } from 'kysely'
import type { Lane } from '../lanes.ts'
import type { Clock } from '../time/clock.ts'
import type { FlushContext } from './coalesce-options.ts'
import type { BufferReports, DropReason } from './write-behind.ts'

/**
 * What `push()` does when the queue is full: drops this row, or the one that waits longest; `reject` leaves the row to
 * the caller, who is told; `wait` has `push()` answer a promise, and waits for room.
 */
export type Overflow = 'drop-newest' | 'drop-oldest' | 'reject' | 'wait'

/** Options of `storage.append()`. */
export interface AppendOptions<Row> extends BufferReports<Row> {
  /** The table that the rows are inserted into. */
  readonly table: string
  /** Rows that are held at most, those being written included. @default {10_000} */
  readonly capacity?: number
  /** @default {'drop-newest'} */
  readonly overflow?: Overflow
  /**
   * A column with a UNIQUE constraint: a row whose key is stored already is left out, so the first one wins. A row
   * without the key is refused, as NULLs are all different to UNIQUE.
   */
  readonly idempotencyKey?: string & keyof Row
  /** A column that gets the time of `push()`, in ms since the epoch, where the row has none. */
  readonly timestamp?: string & keyof Row
  /** Rows that are written with one statement, in one lock cycle. @default {1_000} */
  readonly maxBatch?: number
  /** How long a row waits at most before it is written, in milliseconds. @default {100} */
  readonly intervalMs?: number
  /** @default {'background'} */
  readonly lane?: Lane
  /** How long one batch may wait for the lock, in milliseconds. @default {the lane's} */
  readonly lockTimeoutMs?: number
  /** @default {the storage's} */
  readonly clock?: Clock
}

/** Figures of an append queue. */
export interface AppendStats {
  /** Rows that are not written yet. */
  readonly pending: number
  /** Pushes that wait for room. */
  readonly waiting: number
  /** Rows that were written, those that were stored already included. */
  readonly flushed: number
  /** Of these, rows whose idempotency key was stored already. */
  readonly duplicates: number
  /** Rows that were lost, whatever the reason. */
  readonly dropped: number
  readonly droppedBy: Readonly<Record<DropReason, number>>
  /** Rows that were left to their callers, as the queue was full (`reject` and `wait`). */
  readonly rejected: number
  /** Batches that had to be kept, in whole or in part, for another try. */
  readonly failures: number
  /** Writes that were committed. */
  readonly flushes: number
}

/** Inserts rows, all of them or none, and answers how many are new. */
export type InsertRows<Row> = (rows: readonly Row[], context: FlushContext) => Promise<number>

/** The name of a column that can be inserted. */
export type InsertedColumn<DB, Table extends keyof DB> = keyof Insertable<DB[Table]> & string

/** A row as it is pushed: it may leave its time to the queue. */
export type PushedRow<DB, Table extends keyof DB, Time = never> = [Time] extends [never]
  ? Insertable<DB[Table]>
  : Omit<Insertable<DB[Table]>, Time & string> &
      Partial<Pick<Insertable<DB[Table]>, Time & keyof Insertable<DB[Table]>>>

/** The options of `storage.append()`, typed by the tables of the database. */
export type AppendTo<DB, Table extends keyof DB, Time = never> = AppendOptions<PushedRow<DB, Table, Time>> & {
  readonly table: Table
  readonly timestamp?: Time
}
