/** Adds 1 to a counter many times, each time by reading it and writing it back in one transaction. */
import { openStorage } from 'unbusy'
import { args, connector, hear, say } from './worker.ts'

const times = Number(args[0])
const errors: string[] = []
// biome-ignore lint/suspicious/noExplicitAny: one table, made by the test
const storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })
say('ready')
await hear()
const startMs = Date.now()
for (let time = 0; time < times; time++) {
  await storage
    .write(async (trx) => {
      const { n } = await trx.selectFrom('counter').select('n').executeTakeFirstOrThrow()
      await trx
        .updateTable('counter')
        .set({ n: n + 1 })
        .execute()
    })
    .catch((error) => errors.push(String(error)))
}
const report = await storage.close()
say({ errors, report, tookMs: Date.now() - startMs })
process.exit(0)
