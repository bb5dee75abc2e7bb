/**
 * The last one who closes a database removes its `-wal` and `-shm`, which SQLite does by itself, unless two processes close
 * in the same moment: each asks for the lock of the last one while the other one still has a part of it, so that both files
 * stay. They hold nothing that is lost, but `close()` leaves no stray file behind (contract C15).
 *
 * @module
 */
import { PatientConnection } from '../connection.ts'
import { type LockWait, startLockWait } from '../lock-wait.ts'
import type { PoolOptions } from '../options/pool-options.ts'
import { sleep, systemClock } from '../time/clock.ts'

/** Mostly the files are there as another process goes on. That two who try meet once more is rare, and twice hardly ever. */
const tries = 2
const shortestPauseMs = 2
const longestPauseMs = 12

/** To be called after the last connection closed: opens and closes another one, as long as the files are still there. */
export async function removeLeftWal(options: PoolOptions): Promise<void> {
  const { connector, clock = systemClock } = options
  for (let left = tries; left > 0 && connector.fileWatch?.isWalLeft(); left--) {
    const pauseMs = shortestPauseMs + clock.random() * (longestPauseMs - shortestPauseMs)
    await sleep({ clock }, pauseMs)
    if (!connector.fileWatch.isWalLeft()) return
    const wait = startLockWait(clock, 0)
    const reader = await openReader(options, wait)
    try {
      // SQLite opens a WAL when it is first read, which this BEGIN does.
      await reader.begin('deferred', wait)
    } finally {
      await reader.close()
    }
  }
}

/** As the storage opened its own: an encrypted file needs the key that `onConnection` gives. */
function openReader(
  { connector, pragmas = {}, onConnection, clock }: PoolOptions,
  wait: LockWait,
): Promise<PatientConnection> {
  const settings = { integers: 'auto', maxCachedStatements: 0 } as const
  return PatientConnection.open(
    connector,
    'reader',
    { pragmas, onConnection, clock, inMemory: false, settings },
    wait,
  )
}
