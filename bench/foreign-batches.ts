/**
 * Another program that writes to the same database, batch after batch, each of which holds the write lock for a while;
 * it tells how long it really held it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A batch that another process wrote; times on its monotonic clock would mean nothing here, so only the length. */
export interface ForeignBatches {
  /** Ends the process and answers how long each batch held the lock, in milliseconds. */
  stop(): Promise<readonly number[]>
}

/**
 * Starts the other process; resolves once its first batch has the lock.
 *
 * @param holdMs How long each batch is to hold the lock.
 * @param pauseMs How long it lets go of it in between.
 */
export async function startForeignBatches(
  path: string,
  holdMs: number,
  pauseMs: number,
): Promise<ForeignBatches> {
  const program = fileURLToPath(new URL('./foreign-batches-program.ts', import.meta.url))
  const child = spawn(process.execPath, [program, path, String(holdMs), String(pauseMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
      if (text.includes('\n')) resolve()
    })
    exited.then(() => reject(new Error('Cannot measure as the foreign process ended at once')), reject)
  })
  return {
    async stop() {
      child.stdin.end()
      await exited
      const [, holds = '[]'] = text.split('\n')
      return JSON.parse(holds) as number[]
    },
  }
}
