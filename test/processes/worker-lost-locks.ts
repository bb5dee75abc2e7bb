/** Reads its own database with fs, which drops SQLite's locks, and writes until it is noticed that the WAL is gone. */
import { readFileSync } from 'node:fs'
import { openStorage } from 'unbusy'
import { args, connector, hear, path, say } from './worker.ts'

// The other program has a SQLite that loses commits when it checkpoints while a WAL starts over
// (sqlite.org/wal.html#walresetbug): none does here.
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({
  connector: await connector(),
  checkpoint: 'off',
  onWarning: () => {},
})
const add = (): Promise<unknown> => storage.db.insertInto('note').values({ text: 'acknowledged' }).execute()

await add()
let acknowledged = 1
let refused = 0
let error: Error | undefined
readFileSync(path)
say('unlocked')
const isPaused = args[0] === 'pause'
if (isPaused) await hear()
const endMs = performance.now() + 20_000
while (refused < 100 && performance.now() < endMs) {
  // Groups and lone writes in turn.
  for (const outcome of await Promise.allSettled([add(), add(), add()])) {
    if (outcome.status === 'fulfilled') acknowledged++
    else {
      refused++
      error = outcome.reason
    }
  }
  await add().then(
    () => acknowledged++,
    () => refused++,
  )
  await new Promise((resolve) => setImmediate(resolve))
}
// What was committed while the WAL was being deleted gets into the database now.
if (!isPaused && error !== undefined) await storage.close()
say({ acknowledged, refused, error: error?.name })
setInterval(() => {}, 1_000)
