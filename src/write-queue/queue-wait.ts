/**
 * The one wait with which a queue asks for the lock on behalf of all who wait in it, so that a process polls once, however
 * many of its callers wait.
 *
 * @module
 */
import type { ConnectionLease } from '../connection/connection-lease.ts'
import type { PatientConnection } from '../connection.ts'
import { type LockWait, whatWasWaitedFor } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'
import type { Turn } from '../time/lock-delay.ts'

/**
 * It lasts as long as somebody waits; the delay between two tries goes by the age of the unit whose turn it is.
 *
 * @param firstWait The budget of that unit.
 * @param turn Whether the writer has the lock write after write.
 */
export function waitForAll(
  writer: PatientConnection,
  clock: Clock,
  firstWait: () => LockWait | undefined,
  turn: () => Turn,
): LockWait {
  return {
    clock,
    get startedAtMs() {
      return firstWait()?.startedAtMs ?? clock.now()
    },
    get triesAreCheap() {
      return writer.direct.runsAtOnce
    },
    get hadItsTurn() {
      return turn().isLongAt(this.startedAtMs)
    },
    deadlineMs: Number.POSITIVE_INFINITY,
    lane: 'normal',
    attempts: 0,
    refused: 0,
    triesInARow: 0,
  }
}

/** Who has the writer that the wait is for, as the start of a sentence. */
export function whoHolds({ clock, busyError }: LockWait, lease: ConnectionLease | undefined): string {
  if (lease === undefined) return whatWasWaitedFor(busyError)
  const heldMs = Math.round(clock.now() - lease.heldSinceMs)
  const idleMs = Math.round(lease.idleMs())
  return `A transaction of this process has held the writer for ${heldMs} ms, idle for the last ${idleMs} ms,`
}
