/**
 * Checkpoints off the event loop: one worker thread for all storages of the process, started at the first checkpoint. An
 * fsync of a slow disk takes hundreds of milliseconds, and the drivers would spend them in the only thread there is.
 *
 * The thread opens a database with the very driver module of its connections. POSIX locks belong to the process, and only
 * one and the same SQLite library knows which of its handles still need them when another one closes.
 *
 * @module
 */
import { checkpointerPragmas } from '../src/checkpoint/pragmas.ts'
import { toCheckpointResult } from '../src/checkpoint/wal-gauge.ts'
import type { CheckpointResult, CheckpointWorker } from '../src/connector.ts'
import type { CheckpointDriver } from './_checkpoint-script.ts'
import { CheckpointThread } from './_checkpoint-thread.ts'
import { claimIfThere } from './_engine-registry.ts'

let lastKey = 0

/**
 * Opens a database in the worker thread, which starts now if it does not run yet.
 *
 * @throws If the thread cannot be started, or the database cannot be opened there, or its files were lost.
 */
export async function openCheckpointWorker(
  path: string,
  { options, ...driver }: CheckpointDriver,
): Promise<CheckpointWorker> {
  const thread = await CheckpointThread.running()
  const key = ++lastKey
  // Its storage may be closed before it: a disk that does not answer is not waited for.
  const release = claimIfThere(path, driver.name)
  const close = async (): Promise<void> => {
    try {
      // With the thread its connections are gone.
      if (thread.isAlive) await thread.ask({ task: 'close', key })
    } finally {
      release?.()
    }
  }
  try {
    const cloned = { ...driver, options: cloneable(options) }
    await thread.ask({ task: 'open', key, path, driver: cloned, init: checkpointerPragmas })
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  return {
    async checkpoint(mode): Promise<CheckpointResult> {
      const { row } = await thread.ask({ task: 'checkpoint', key, mode })
      if (row === undefined) throw new Error('The checkpoint worker answered without a row')
      return toCheckpointResult(row)
    },
    close,
  }
}

/** Options that can be sent to another thread: a function, such as one for logging, is not for there. */
function cloneable(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  )
}
