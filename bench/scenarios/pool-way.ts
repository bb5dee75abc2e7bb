/**
 * What a process of I2 has: a pool of connections to one file, and a budget that was configured for its lock waits.
 *
 * @module
 */

/** A pool. */
export interface PoolWay {
  /** Stores an event. Rejects if it did not. */
  write(id: string): Promise<unknown>
  /** Whether an error says that the lock was not free in time. */
  isTimeout(error: unknown): boolean
  /** `PRAGMA busy_timeout` of every connection that was opened, in milliseconds. */
  busyTimeoutsMs(): Promise<readonly number[]>
  /** How often the lock was taken. */
  lockCycles(): number
  close(): Promise<unknown>
}

/** The names of the ways: pools of threads on two drivers, and ours. */
export type PoolWayName = 'better-sqlite3' | 'node-sqlite' | 'new'
