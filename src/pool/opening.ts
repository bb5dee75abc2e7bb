/**
 * How the connections of a storage come to be: options are checked, the writer is opened and initialized, and what looks
 * after its file is there before anything is written.
 *
 * @module
 */
import { PatientConnection } from '../connection.ts'
import type { UnbusyError } from '../errors.ts'
import { startLockWait } from '../lock-wait.ts'
import { checkOptions } from '../options/option-checks.ts'
import { lockTimeoutsOf, type PoolOptions } from '../options/pool-options.ts'
import { ConnectionPool } from '../pool.ts'
import { systemClock } from '../time/clock.ts'
import type { FileDatabase } from './file-database.ts'

/**
 * Opens the writer; readers follow when they are needed. Takes the write lock only to create the file or to switch it to
 * the configured journal mode.
 *
 * @throws {ConfigError | RangeError} If an option cannot be used.
 * @throws {OpenError} If the database cannot be opened.
 */
export async function openPool(options: PoolOptions): Promise<ConnectionPool> {
  checkOptions(options)
  const { connector } = options
  const wait = startLockWait(options.clock ?? systemClock, lockTimeoutsOf(options).normal)
  let pool: ConnectionPool | undefined
  let writer: PatientConnection | undefined
  try {
    const file = await fileOf(options, (error) => pool?.shutdown.letGo(error))
    const connections = {
      pragmas: options.pragmas ?? {},
      onConnection: options.onConnection,
      clock: options.clock,
      inMemory: connector.capabilities.singleConnection,
      autocheckpoint: file?.autocheckpoint,
      settings: {
        integers: options.integers ?? 'auto',
        maxCachedStatements: options.maxCachedStatements ?? 256,
      },
      guard: file?.guard,
    }
    writer = await PatientConnection.open(connector, 'writer', connections, wait)
    await file?.look(writer, wait)
    // Only a server takes writes as batches.
    const tryBatch = writer.direct.executesBatches
      ? (await import('../write-queue/batch-group.ts')).tryBatch
      : undefined
    pool = new ConnectionPool(options, connections, writer, file, tryBatch)
    return pool
  } catch (error) {
    await writer?.close()
    await connector.close?.()
    throw error
  }
}

/** What a database in a file needs; nothing for a server's, and for one in memory. */
async function fileOf(
  options: PoolOptions,
  onLost: (error: UnbusyError) => void,
): Promise<FileDatabase | undefined> {
  const { singleConnection, remote } = options.connector.capabilities
  if (singleConnection || remote) return undefined
  const { FileDatabase } = await import('./file-database.ts')
  return new FileDatabase(options, onLost)
}
