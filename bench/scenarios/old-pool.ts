/**
 * I2 the old way: a pool of connections in threads, so that the event loop stays free. The configured budget is sent to the
 * pool as a PRAGMA, once, and so reaches one connection; the others wait as long as their driver has it.
 *
 * @module
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { PoolThreadAnswer, PoolThreadData, PoolThreadTask } from './old-pool-thread.ts'
import type { PoolWay } from './pool-way.ts'

/** Opens it, with so many connections. */
export async function openOldPool(
  driver: PoolThreadData['driver'],
  path: string,
  size: number,
  budgetMs: number,
): Promise<PoolWay> {
  const file = new URL('./old-pool-thread.ts', import.meta.url)
  const threads = Array.from({ length: size }, () => new Worker(file, { workerData: { driver, path } }))
  await Promise.all(threads.map((thread) => once(thread, 'online')))
  const idle = [...threads]
  const waiting: ((thread: Worker) => void)[] = []
  let lockCycles = 0

  const borrow = (): Promise<Worker> => {
    const thread = idle.shift()
    return thread === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(thread)
  }
  const giveBack = (thread: Worker): void => {
    const next = waiting.shift()
    if (next === undefined) idle.push(thread)
    else next(thread)
  }
  const run = async (sql: string, ...values: string[]): Promise<void> => {
    const thread = await borrow()
    const answer = await ask(thread, { sql, values })
    giveBack(thread)
    if ('resultCode' in answer) throw answer.resultCode
  }

  await run(`pragma busy_timeout = ${budgetMs}`)
  return {
    async write(id) {
      await run('insert into event (id) values (?)', id)
      lockCycles++
    },
    isTimeout: (error) => error === 'SQLITE_BUSY' || error === 5,
    async busyTimeoutsMs() {
      const answers = await Promise.all(
        threads.map((thread) => ask(thread, { sql: 'pragma busy_timeout', values: [] })),
      )
      return answers.map((answer) => ('row' in answer ? Number(answer.row?.timeout) : Number.NaN))
    },
    lockCycles: () => lockCycles,
    close: () => Promise.all(threads.map((thread) => thread.terminate())),
  }
}

async function ask(thread: Worker, task: PoolThreadTask): Promise<PoolThreadAnswer> {
  thread.postMessage(task)
  const [answer] = await once(thread, 'message')
  return answer
}
