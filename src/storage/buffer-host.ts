/**
 * What a write-behind buffer needs of its storage.
 *
 * @module
 */
import type { BufferHost } from '../buffers/write-behind.ts'
import { ConfigError } from '../errors.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import type { ConnectionPool } from '../pool.ts'

/**
 * The surroundings of a new buffer, which waits as told.
 *
 * @throws {ConfigError} If there are no options.
 * @throws {StorageClosedError} If the storage is closing or closed: nobody would drain the buffer.
 */
export function bufferHost(pool: ConnectionPool, options: WaitOptions | undefined): BufferHost {
  pool.intake.assertNotClosing()
  if (!options) throw new ConfigError('Cannot create the buffer without options')
  const { lane = 'background', lockTimeoutMs } = options
  const { clock, connector, buffers } = pool
  const { startedAtMs, deadlineMs } = pool.startWait({
    lane,
    ...(lockTimeoutMs !== undefined && { lockTimeoutMs }),
  })
  return {
    clock,
    context: connector.context,
    owner: pool.queue,
    lockTimeoutMs: deadlineMs - startedAtMs,
    ...(connector.capabilities.remote && { newKey: () => crypto.randomUUID() }),
    onClose: buffers.remove,
  }
}
