/**
 * Waiting for the lock, in JavaScript (contract C3): the event loop stays free, and one budget governs. How long the
 * pauses are is decided in `lock-delay.ts`.
 *
 * @module
 */
import { ConfigError, LockTimeoutError, RemoteError, translateError } from './errors.ts'
import type { Lane } from './lanes.ts'
import { resultCodeOf } from './result-code.ts'
import { type Clock, sleep } from './time/clock.ts'
import { nextDelayMs } from './time/lock-delay.ts'

/** One wait: it starts with the caller's call, so time in the queue counts. */
export interface LockWait {
  readonly clock: Clock
  readonly startedAtMs: number
  /** When the call began that this wait is a part of. @default {startedAtMs} */
  readonly calledAtMs?: number
  /** On the clock of `clock.now()`; the wait never ends earlier. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
  readonly lane: Lane
  /** How often the lock was asked for so far. */
  attempts: number
  /** How many of them were refused. */
  refused: number
  /** And how many since the last pause. */
  triesInARow: number
  /** Whether a try costs microseconds, so that one may follow another without a pause. @default {false} */
  readonly triesAreCheap?: boolean
  /** Whether this process had the lock write after write until now. @default {false} */
  readonly hadItsTurn?: boolean
  /** What the last attempt met, if it met a busy lock. */
  busyError?: unknown
  /** The wait whose budget this one has a second time. */
  readonly restartOf?: LockWait
  /** Set when the storage gives the wait up at close: it ends with this error before the next attempt. */
  abandonedBy?: unknown
}

/** @throws {ConfigError} If it is none, such as the controller itself: it would be found out half-way through. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || signal === null || typeof signal.throwIfAborted === 'function') return
  throw new ConfigError('Cannot wait as signal must be an AbortSignal, such as controller.signal')
}

/**
 * Starts the budget of one call.
 *
 * @throws {ConfigError} If `signal` is none.
 */
export function startLockWait(
  clock: Clock,
  lockTimeoutMs: number,
  signal?: AbortSignal,
  lane: Lane = 'normal',
): LockWait {
  checkSignal(signal)
  const startedAtMs = clock.now()
  return {
    clock,
    startedAtMs,
    deadlineMs: startedAtMs + lockTimeoutMs,
    signal,
    lane,
    attempts: 0,
    refused: 0,
    triesInARow: 0,
  }
}

/**
 * The same budget once more, for a COMMIT: what has begun is not aborted, and its work must not be lost. Once and no
 * oftener: a budget that was restarted stays as it is.
 */
export function restartLockWait(wait: LockWait, startedAtMs: number = wait.clock.now()): LockWait {
  if (wait.restartOf !== undefined) return wait
  const { clock, lane } = wait
  return {
    clock,
    startedAtMs,
    deadlineMs: startedAtMs + wait.deadlineMs - wait.startedAtMs,
    lane,
    attempts: 0,
    refused: 0,
    triesInARow: 0,
    restartOf: wait,
  }
}

/**
 * Runs `attempt` until it does not meet a busy lock. Only what takes the lock belongs in `attempt`: a try that failed
 * with a busy lock must have changed nothing.
 *
 * @throws {LockTimeoutError} If the budget is over; its `cause` is the last busy error.
 * @throws The signal's reason if it aborts while waiting, or whatever else `attempt` threw, at once.
 */
export async function waitForLock<T>(
  wait: LockWait,
  isBusy: (error: unknown) => boolean,
  attempt: () => T | Promise<T>,
): Promise<T> {
  while (true) {
    wait.signal?.throwIfAborted()
    const { abandonedBy } = wait.restartOf ?? wait
    if (abandonedBy !== undefined) throw abandonedBy
    wait.attempts++
    try {
      const result = await attempt()
      noteFree(wait)
      return result
    } catch (error) {
      if (!isBusy(error)) throw error
      noteBusy(wait, error)
      if (wait.clock.now() >= wait.deadlineMs) throw lockTimeout(wait, whatWasWaitedFor(error), error)
      await pause(wait)
    }
  }
}

/** A lock is given back within milliseconds; a server that restarts, or has too many requests, needs longer. */
const serverPatience = 5

/** A busy lock that is no writer's, told by who met it. */
export interface OtherLock {
  /** As the start of a sentence. */
  readonly note: string
}

/** What an attempt met, as the start of a sentence. */
export function whatWasWaitedFor(error: unknown): string {
  if (error instanceof RemoteError) return 'The server could not be used'
  // No lock was met: what was begun before, such as a request that is not answered, is not through.
  if (error === undefined) return 'The writer stayed busy'
  return (error as Partial<OtherLock>).note ?? 'The database stayed locked'
}

/** The lock was busy. */
export function noteBusy(wait: LockWait, error: unknown): void {
  wait.busyError = error
  wait.refused++
  wait.triesInARow++
}

/** The lock was free. */
export function noteFree(wait: LockWait): void {
  wait.busyError = undefined
  wait.triesInARow = 0
}

/** Between two attempts. */
export async function pause(wait: LockWait): Promise<void> {
  const { clock, busyError, triesAreCheap = false, hadItsTurn = false } = wait
  const nowMs = clock.now()
  const triesInARow = triesAreCheap ? wait.triesInARow : Number.POSITIVE_INFINITY
  const patience = busyError instanceof RemoteError ? serverPatience : 1
  const refusal = { ageMs: nowMs - wait.startedAtMs, triesInARow, hadItsTurn }
  const delayMs = Math.min(nextDelayMs(refusal, clock.random) * patience, wait.deadlineMs - nowMs)
  if (delayMs <= 0) return
  wait.triesInARow = 0
  await sleep(wait, delayMs)
}

/** The error for a wait that is over. `what` is the start of its sentence. */
export function lockTimeout(wait: LockWait, what: string, cause?: unknown): LockTimeoutError {
  const report = {
    waitedMs: wait.clock.now() - (wait.calledAtMs ?? wait.startedAtMs),
    attempts: wait.attempts,
  }
  if (cause === undefined) return new LockTimeoutError(what, report)
  return new LockTimeoutError(what, report, { cause: translateError(cause, resultCodeOf(cause)) })
}
