/**
 * The library's lock waiting for code that has a connection of its own.
 *
 * @module
 */
import { startLockWait, waitForLock } from '../lock-wait.ts'
import { isLockBusy, isSnapshotStale, resultCodeOf } from '../result-code.ts'
import { systemClock } from '../time/clock.ts'
import { checkNumber } from './number-checks.ts'

export interface RetryOptions {
  /** How long to keep trying, in milliseconds. @default {30_000} */
  readonly lockTimeoutMs?: number
  /** Ends the wait at once, between two tries. */
  readonly signal?: AbortSignal
}

/**
 * Calls `fn` until it does not fail with a busy lock, waiting with timers in between (contract C3). For code with a
 * connection of its own, whose `busy_timeout` should then be 0: SQLite's own wait would block the event loop.
 *
 * The decision is made by result code. BUSY_SNAPSHOT calls `fn` again as well, so `fn` must be a whole transaction that
 * rolls back when it fails. Constraints, a full disk, corruption and every other error are thrown at once.
 *
 * @throws {LockTimeoutError} If the lock was not free within `lockTimeoutMs`; never earlier.
 * @throws The signal's reason, if it aborts.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { retryWhileBusy } from 'unbusy'
 *
 * const database = new DatabaseSync('app.db', { timeout: 0 })
 * await retryWhileBusy(() => database.exec('create table if not exists note (text)'), { lockTimeoutMs: 5_000 })
 * ```
 */
export async function retryWhileBusy<T>(fn: () => T | Promise<T>, options: RetryOptions = {}): Promise<T> {
  const wait = startLockWait(systemClock, checkLockTimeout(options.lockTimeoutMs ?? 30_000), options.signal)
  return waitForLock(wait, isWorthRetrying, fn)
}

function isWorthRetrying(error: unknown): boolean {
  const code = resultCodeOf(error)
  return isLockBusy(code) || isSnapshotStale(code)
}

/** @throws {RangeError} If it is not a number of milliseconds from 0 on. */
export function checkLockTimeout(lockTimeoutMs: number): number {
  return checkNumber('Cannot wait for the lock as lockTimeoutMs', lockTimeoutMs, 0)
}
