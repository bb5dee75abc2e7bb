/** Fills a database under a limit on the size of files that the test has set, and lifts when it is told so. */
import { openStorage } from 'unbusy'
import { createBigNotes, fillAndGoOn } from '../faults/full-disk.ts'
import { connector, hear, say } from './worker.ts'

// biome-ignore lint/suspicious/noExplicitAny: one table, made here
const storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })
await createBigNotes(storage)
const report = await fillAndGoOn(storage, async () => {
  say('full')
  await hear()
})
await storage.close()
say(report)
process.exit(0)
