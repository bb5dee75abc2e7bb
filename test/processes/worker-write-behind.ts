/** Fills buffers and comes to its end without closing: what is pending keeps it alive until it is written. */
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { connector, say } from './worker.ts'

// biome-ignore lint/suspicious/noExplicitAny: one table, made here
const storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })
await sql`create table usage (id text)`.execute(storage.db)
const latest = storage.coalesce({
  key: (id: string) => id,
  flush: (ids, context) =>
    storage
      .with(context)
      .insertInto('usage')
      .values(ids.map((id) => ({ id })))
      .execute(),
  intervalMs: 300,
})
const usage = storage.append({ table: 'usage', intervalMs: 300 })
// One that was used and is idle again must not keep the process.
usage.push({ id: 'early' })
await usage.flush()
latest.set('value')
usage.push({ id: 'row' })
say('filled')
