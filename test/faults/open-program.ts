/** Opens the databases of its arguments and writes to them; says which error each met, or that there was none. */
import process from 'node:process'
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { type ConnectorName, connectorTo } from '../contract/matrix.ts'

const [name, ...paths] = process.argv.slice(2)

async function open(path: string): Promise<{ name: string; message: string }> {
  try {
    const connector = await connectorTo(name as ConnectorName, path)
    // biome-ignore lint/suspicious/noExplicitAny: one table, made here
    await using storage = await openStorage<any>({ connector, onWarning: () => {} })
    await sql`create table if not exists t (a)`.execute(storage.db)
    return { name: 'none', message: 'it opened' }
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message }
  }
}

const failures = []
for (const path of paths) failures.push(await open(path))
console.log(JSON.stringify(failures))
process.exit(0)
