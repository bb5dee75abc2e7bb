/**
 * The tables of the processes that are killed, made by migrations that are killed too. A migration that has run but is not
 * noted as such runs again, so each is one transaction that finds out what is left to do.
 *
 * @module
 */
import { Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { type Storage, UnbusyDialect } from 'unbusy'
import { UnbusyAdapter } from '../../src/adapter.ts'
import { connector } from '../processes/worker.ts'
import { type Found, type StoredChunk, type StoredUnit, seededRows } from './messages.ts'

// biome-ignore lint/suspicious/noExplicitAny: migrations make the tables as they go
type Tables = any

/** The next process must not wait ten seconds for the migration lock of a dead one. */
class ShortLeaseDialect extends UnbusyDialect {
  override createAdapter(): UnbusyAdapter {
    return new UnbusyAdapter({ leaseMs: 600, renewEveryMs: 150, watchMs: 200 })
  }
}

const migrations: Record<string, Migration> = {
  '1 tables': inTransaction(async (trx) => {
    await sql`create table if not exists seeded (id integer primary key, text text)`.execute(trx)
    await sql`create table if not exists counter (name text primary key, n integer not null)`.execute(trx)
    // Neither has a key that would hide what was written twice.
    await sql`create table if not exists log (writer integer, path text, n integer, part integer)`.execute(
      trx,
    )
    await sql`create table if not exists latest (writer integer, path text, key integer, version integer,
      primary key (writer, path, key))`.execute(trx)
    await sql`create table if not exists presence (key text primary key, version integer)`.execute(trx)
    await sql`create table if not exists usage (key text primary key, writer integer)`.execute(trx)
  }),
  '2 rows': inTransaction(async (trx) => {
    await sql`insert or ignore into counter values ('batch', 0), ('transaction', 0)`.execute(trx)
    for (let id = 1; id <= seededRows; id++)
      await sql`insert or ignore into seeded (id, text) values (${id}, ${'x'.repeat(200)})`.execute(trx)
  }),
  '3 rebuild': inTransaction(async (trx) => {
    const { rows } = await sql`select 1 from pragma_table_info('seeded') where name = 'length'`.execute(trx)
    if (rows.length > 0) return
    await sql`create table rebuilt (id integer primary key, text text, length integer)`.execute(trx)
    await sql`insert into rebuilt select id, text, length(text) from seeded`.execute(trx)
    await sql`drop table seeded`.execute(trx)
    await sql`alter table rebuilt rename to seeded`.execute(trx)
  }),
}

function inTransaction(work: (trx: Kysely<Tables>) => Promise<void>): Migration {
  return { up: (db: Kysely<Tables>) => db.transaction().execute(work) }
}

/** Brings the schema up to date. */
export async function migrate(): Promise<void> {
  const dialect = new ShortLeaseDialect({ connector: await connector(), onWarning: () => {} })
  await using db = new Kysely<Tables>({ dialect })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Reads everything that is stored. */
export async function find({ db }: Storage<Tables>): Promise<Found> {
  const integrity = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(db)
  const seeded = await sql<{ n: number }>`select count(*) as n from seeded where length = 200`.execute(db)
  const units = await sql<StoredUnit>`select writer, path, n, count(*) as parts,
    count(distinct part) as "distinctParts" from log group by writer, path, n`.execute(db)
  const counters = await sql<{ name: string; n: number }>`select name, n from counter`.execute(db)
  const chunks = await sql<StoredChunk>`select writer, path, key / 1000 as chunk, min(version) as lowest,
    max(version) as highest, count(*) as rows from latest group by 1, 2, 3 order by 1, 2, 3`.execute(db)
  const presence = await sql<{ key: string; version: number }>`select key, version from presence`.execute(db)
  const usage = await sql<{ key: string; writer: number }>`select key, writer from usage`.execute(db)
  return {
    integrity: integrity.rows.map((row) => row.integrity_check).join('\n'),
    seeded: seeded.rows[0]?.n ?? 0,
    units: units.rows,
    counters: Object.fromEntries(counters.rows.map(({ name, n }) => [name, n])),
    chunks: chunks.rows,
    presence: presence.rows,
    usage: usage.rows,
  }
}
