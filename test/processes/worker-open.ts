/** Opens a database at the same moment as others do, and writes one row. */
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { connector, hear, say } from './worker.ts'

const connection = await connector()
say('ready')
await hear()
// biome-ignore lint/suspicious/noExplicitAny: one table, made here
const storage = await openStorage<any>({ connector: connection, onWarning: () => {} })
await sql`create table if not exists opened (by_process integer)`.execute(storage.db)
await sql`insert into opened values (${process.pid})`.execute(storage.db)
const { rows } = await sql`pragma journal_mode`.execute(storage.db)
await storage.close()
say(rows)
process.exit(0)
