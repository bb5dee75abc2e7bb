/** A worker thread of a user: has a storage of its own, holds its write lock in a transaction, and comes to its end. */
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { openStorage } from 'unbusy'
import { connectorTo } from '../contract/matrix.ts'

const { connector, path, end } = workerData
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the program around it
const storage = await openStorage<any>({ connector: await connectorTo(connector, path), onWarning: () => {} })
await storage.db.insertInto('note').values({ text: 'committed by the thread' }).execute()
void storage.write(async (trx) => {
  await trx.insertInto('note').values({ text: 'held by the thread' }).execute()
  parentPort?.postMessage('held')
  await new Promise(() => {})
})
parentPort?.on('message', () => {
  if (end === 'exit') process.exit(0)
  throw new Error('thrown on purpose')
})
