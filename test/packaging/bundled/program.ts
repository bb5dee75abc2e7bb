/**
 * What a bundled program is tested with: fills a WAL until it was checkpointed, and prints by whom. Without an await of its
 * own at the top, which CommonJS does not have.
 *
 * Arguments: the dialect, and the database file.
 */
import { sql } from 'kysely'
import { type Connector, openStorage } from 'unbusy'
import { betterSqlite3 } from 'unbusy/better-sqlite3'
import { bunSqlite } from 'unbusy/bun-sqlite'
import { nodeSqlite } from 'unbusy/node-sqlite'

const [dialect = '', url = ''] = process.argv.slice(2)
const factories: Record<string, (options: { url: string }) => Connector> = {
  'better-sqlite3': betterSqlite3,
  'node-sqlite': nodeSqlite,
  'bun-sqlite': bunSqlite,
}

async function run(connector: Connector | undefined): Promise<void> {
  if (connector === undefined) throw new Error(`There is no dialect ${dialect}`)
  const kinds: string[] = []
  const storage = await openStorage({
    connector,
    checkpointWalBytes: 65_536,
    onWarning: (message, event) => kinds.push(event?.kind ?? message),
  })
  await sql`create table page (content blob)`.execute(storage.db)
  const endMs = performance.now() + 15_000
  while (storage.stats().wal.lastCheckpoint === undefined && performance.now() < endMs) {
    await sql`insert into page values (zeroblob(3500))`.execute(storage.db)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const by = storage.stats().wal.lastCheckpoint?.by
  await storage.close()
  console.log(JSON.stringify({ by, kinds }))
}

void run(factories[dialect]?.({ url }))
