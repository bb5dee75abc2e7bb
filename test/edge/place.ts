/**
 * Where the cases of the isolate run: databases of one kind. Cases run one after the other, and each finds them empty.
 *
 * @module
 */
import type { Connector } from 'unbusy'
import { NotHere } from '../contract/not-here.ts'

/** The connectors that an isolate has. */
export type EdgeConnectorName = 'd1' | 'libsql-web'

/** One database. */
export interface Place {
  readonly name: EdgeConnectorName
  connect(): Connector
  /** Runs one statement past the library, as a stranger would. */
  query(sql: string): Promise<Record<string, unknown>[]>
}

let places: readonly Place[] = []
let taken = 0

/** The database of the running case. */
export function placeOfCase(): Place {
  const [first] = places
  if (first === undefined) throw new Error('No case is running')
  return first
}

/** Where a case asks for a database in memory: what it wants is one that is empty. */
export async function anotherPlace(): Promise<Place> {
  const place = places[++taken]
  if (place === undefined) throw new NotHere(`there are no more than ${places.length} databases`)
  await empty(place)
  return place
}

/** Makes these the databases of the next case. */
export async function startCase(all: readonly Place[]): Promise<void> {
  places = all
  taken = 0
  await empty(placeOfCase())
}

async function empty({ query }: Place): Promise<void> {
  const sql = `select name, type from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%' and substr(name, 1, 4) <> '_cf_'`
  // A table that is still referred to stays for another round.
  for (let round = 0; round < 5; round++) {
    const objects = await query(sql)
    if (objects.length === 0) return
    const drops = objects.map(({ name, type }) => `drop ${type} "${String(name).replaceAll('"', '""')}"`)
    await Promise.all(drops.map((drop) => query(drop).catch(() => [])))
  }
  throw new Error('Cannot empty the database')
}
