/**
 * What a write-behind buffer needs of its storage.
 *
 * @module
 */
import type { ConnectionPool } from './pool.ts'
import type { WaitOptions } from './pool-options.ts'
import type { BufferHost } from './write-behind.ts'

/**
 * The surroundings of a new buffer, which waits as told.
 *
 * @throws {StorageClosedError} If the storage is closing or closed: nobody would drain the buffer.
 */
export function bufferHost(
  pool: ConnectionPool,
  { lane = 'background', lockTimeoutMs }: WaitOptions,
): BufferHost {
  pool.intake.assertNotClosing()
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
