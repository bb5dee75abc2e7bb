/**
 * What the processes of I5 do, whichever way they wait for the lock.
 *
 * @module
 */

/** One commit. Times are in milliseconds. */
export interface Commit {
  /** From the wish to write until the lock was granted. */
  readonly waitMs: number
  /** From then until the commit was through. */
  readonly holdMs: number
}

/** An open database, and a way to wait for its lock. */
export interface ConvoyWay {
  /** Counts one more write of a process. Rejects if it was not committed. */
  count(writer: number): Promise<Commit>
  /** The same, but holds the lock for so long. */
  countSlowly(writer: number, holdMs: number): Promise<Commit>
  /** How often the lock was taken. */
  lockCycles(): number
  close(): Promise<unknown>
}

/** The names of the ways: SQLite's busy handler, few tries with random pauses, and ours. */
export type ConvoyWayName = 'busy handler' | 'retries' | 'new'

/** What every way writes: a row for each process, so that the file does not grow with the speed of a way. */
export interface ConvoySchema {
  readonly counter: { readonly writer: number; readonly n: number }
}

export const countSql = 'update counter set n = n + 1 where writer = ?'
