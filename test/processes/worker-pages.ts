/** Writes pages with four callers once it is told to, and says how large it saw the WAL. */
import { openStorage } from 'unbusy'
import { writePages } from '../contract/wal-writes.ts'
import { args, connector, hear, say } from './worker.ts'

const [count, checkpointWalBytes] = args.map(Number) as [number, number]
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({
  connector: await connector(),
  checkpointWalBytes,
  onWarning: () => {},
})
say('ready')
await hear()
say(await writePages(storage, count))
await storage.close()
process.exit(0)
