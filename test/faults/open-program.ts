/** Opens the database of its arguments and writes to it; says which error it met, or that there was none. */
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { connector, say } from '../processes/worker.ts'

try {
  // biome-ignore lint/suspicious/noExplicitAny: one table, made here
  await using storage = await openStorage<any>({ connector: await connector(), onWarning: () => {} })
  await sql`create table if not exists t (a)`.execute(storage.db)
  say({ name: 'none', message: 'it opened' })
} catch (error) {
  say({ name: (error as Error).name, message: (error as Error).message })
}
process.exit(0)
