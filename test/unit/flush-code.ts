/**
 * The code of flushes, loaded before the first case: a test whose clock stands still does not wait for a file.
 *
 * @module
 */
import { testClock } from 'unbusy/testing'
import { beforeAll } from 'vitest'
import { CoalescingBuffer } from '../../src/coalescing-buffer.ts'
import { untilLoaded } from '../../src/on-demand.ts'

/** To be called once in a file of cases that have buffers without a storage. */
export function loadFlushCode(): void {
  beforeAll(async () => {
    new CoalescingBuffer({ key: String, flush: async () => {} }, { clock: testClock(), lockTimeoutMs: 1 })
    await untilLoaded(() => new Promise((resolve) => setTimeout(resolve, 0)))
  })
}
