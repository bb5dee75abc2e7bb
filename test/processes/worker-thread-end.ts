/** A program with a storage, in which worker threads with a storage on the same file die while they hold the lock. */
import { once } from 'node:events'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { args, connector, path, say } from './worker.ts'

const [name, lockTimeoutMs, ...ends] = args
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({
  connector: await connector(),
  lockTimeoutMs: Number(lockTimeoutMs),
  onWarning: () => {},
})

const outcomes: string[] = []
for (const end of ends) {
  const thread = new Worker(new URL('./thread-holder.ts', import.meta.url), {
    workerData: { connector: name, path, end },
  })
  // Without it, the error of the thread would end this process.
  thread.on('error', () => {})
  const exited = new Promise((resolve) => thread.once('exit', resolve))
  await once(thread, 'message')
  const waiting = storage.db
    .insertInto('note')
    .values({ text: `waited for ${end}` })
    .execute()
  const outcome = waiting.then(
    () => 'written',
    (error: Error) => error.name,
  )
  if (end === 'terminate') void thread.terminate()
  else thread.postMessage('end')
  await exited
  outcomes.push(await outcome)
}
const { rows } = await sql`pragma integrity_check`.execute(storage.db)
await storage.close()
say({ outcomes, ...(rows[0] as object) })
process.exit()
