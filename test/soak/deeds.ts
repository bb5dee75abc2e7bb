/**
 * The mixed load: what the callers of one process do, each again and again.
 *
 * @module
 */
import { sql } from 'kysely'
import { bufferedDeeds, bulkDeeds } from './bulk-deeds.ts'
import type { AnyStorage, Deed, DeedContext } from './deed.ts'
import { readDeeds } from './read-deeds.ts'
import { givenUpDeeds, writeDeeds } from './write-deeds.ts'

/** Makes the tables. */
export async function createTables({ db }: AnyStorage): Promise<void> {
  await sql`create table if not exists log (writer integer, n integer, part integer check (part >= 0),
    text text)`.execute(db)
  await sql`create index if not exists log_unit on log (writer, n)`.execute(db)
  await sql`create table if not exists machine (id text primary key, version integer, text text)`.execute(db)
  await sql`create table if not exists counter (writer integer primary key, n integer)`.execute(db)
}

/** Every deed. */
export function deedsOf(context: DeedContext): readonly Deed[] {
  return [
    ...writeDeeds(context),
    ...givenUpDeeds(context),
    ...readDeeds(context),
    ...bufferedDeeds(context),
    ...bulkDeeds(context),
  ]
}
