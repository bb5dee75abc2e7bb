/**
 * The D1 databases of the isolate. Cases run one after the other, and each finds them empty.
 *
 * @module
 */
import type { D1DatabaseLike } from 'unbusy/d1'
import { NotHere } from '../contract/not-here.ts'

let databases: readonly D1DatabaseLike[] = []
let taken = 0

/** The database of the running case. */
export function databaseOfCase(): D1DatabaseLike {
  const [first] = databases
  if (first === undefined) throw new Error('No case is running')
  return first
}

/** A database of its own, where a case asks for one in memory: what it wants is one that is empty. */
export async function anotherDatabase(): Promise<D1DatabaseLike> {
  const database = databases[++taken]
  if (database === undefined) throw new NotHere(`there are no more than ${databases.length} databases`)
  await empty(database)
  return database
}

/** Makes these the databases of the next case. */
export async function startCase(all: readonly D1DatabaseLike[]): Promise<void> {
  databases = all
  taken = 0
  await empty(databaseOfCase())
}

/** Runs one statement past the library, as a stranger would. */
export async function rowsOf(
  sql: string,
  database: D1DatabaseLike = databaseOfCase(),
): Promise<Record<string, unknown>[]> {
  const { results } = (await database.prepare(sql).all()) as { results: Record<string, unknown>[] }
  return results
}

async function empty(database: D1DatabaseLike): Promise<void> {
  const sql = `select name, type from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%' and substr(name, 1, 4) <> '_cf_'`
  // A table that is still referred to stays for another round.
  for (let round = 0; round < 5; round++) {
    const objects = await rowsOf(sql, database)
    if (objects.length === 0) return
    for (const { name, type } of objects)
      await rowsOf(`drop ${type} "${String(name).replaceAll('"', '""')}"`, database).catch(() => [])
  }
  throw new Error('Cannot empty the database')
}
