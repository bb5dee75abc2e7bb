/**
 * The last one who closes a database removes its `-wal` and `-shm`, which SQLite does by itself, unless two processes close
 * in the same moment: each asks for the lock of the last one while the other one still has a part of it, so that both files
 * stay. They hold nothing that is lost, but `close()` leaves no stray file behind (contract C15).
 *
 * @module
 */
import { PatientConnection } from './connection.ts'
import type { Statement } from './connector.ts'
import { type LockWait, startLockWait, systemClock } from './lock-wait.ts'
import type { PoolOptions } from './pool-options.ts'

/** Mostly a process that goes on has the files open. Two whose tries meet once more are as rare as that is short. */
const tries = 2
const shortestPauseMs = 2
const longestPauseMs = 12

/** To be called after the last connection closed: opens and closes another one, as long as the files are still there. */
export async function removeLeftWal(options: PoolOptions): Promise<void> {
  const { connector, clock = systemClock } = options
  for (let left = tries; left > 0 && connector.fileWatch?.isWalLeft(); left--) {
    const pauseMs = shortestPauseMs + clock.random() * (longestPauseMs - shortestPauseMs)
    await new Promise<void>((resolve) => {
      clock.schedule(pauseMs, resolve)
    })
    if (!connector.fileWatch.isWalLeft()) return
    const reader = await openReader(options, startLockWait(clock, 0))
    try {
      // Not before it is read does SQLite open a WAL.
      await reader.direct.run(firstRead)
    } finally {
      await reader.close()
    }
  }
}

/** As the storage opened its own: an encrypted file needs the key that `onConnection` gives. */
function openReader(
  { connector, pragmas = {}, onConnection }: PoolOptions,
  wait: LockWait,
): Promise<PatientConnection> {
  const settings = { integers: 'auto', maxCachedStatements: 0 } as const
  return PatientConnection.open(
    connector,
    'reader',
    { pragmas, onConnection, inMemory: false, settings },
    wait,
  )
}

const firstRead: Statement = {
  sql: 'select 1 from sqlite_schema limit 1',
  parameters: [],
  kind: 'read',
  cacheable: false,
}
