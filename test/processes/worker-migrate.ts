/**
 * Runs Kysely's Migrator on a plain Kysely of its own. Each migration notes that it ran, and by whom; what the second one
 * does is the test's choice.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { Kysely, type LogEvent, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { type Connector, UnbusyDialect } from 'unbusy'
import { UnbusyAdapter } from '../../src/adapter.ts'
import type { MigrationLockTimes } from '../../src/migration-lock.ts'
import { args, connector, hear, path, say } from './worker.ts'

// biome-ignore lint/suspicious/noExplicitAny: migrations make their tables as they go
type Db = Kysely<any>

/** A dialect whose migration lock has other times than ten seconds. */
class TimedDialect extends UnbusyDialect {
  readonly #times: MigrationLockTimes | undefined

  constructor(to: Connector, times: MigrationLockTimes | undefined) {
    super({ connector: to, onWarning: () => {} })
    this.#times = times
  }

  override createAdapter(): UnbusyAdapter {
    return new UnbusyAdapter(this.#times)
  }
}

const deeds: Readonly<Record<string, (db: Db) => Promise<unknown>>> = {
  nothing: async () => {},
  /** Stops between two statements. */
  hangs: async () => {
    say('in the middle')
    await hear()
  },
  /** Stops inside a transaction, with SQLite's lock held. */
  hangsInTransaction: (db) =>
    db.transaction().execute(async (trx) => {
      await sql`create table half (n integer)`.execute(trx)
      say('in the middle')
      await hear()
    }),
  /** One write of one to two seconds, in which no timer can fire, and not at once after it. */
  longStatement: async (db) => {
    say('in the middle')
    await hear()
    await sql`create table numbers as with recursive n(i) as (select 1 union all select i + 1 from n where i < 9000000)
      select count(*) as total from n`.execute(db)
    for (const endMs = Date.now() + 300; Date.now() < endMs; );
  },
  /** A rebuild that may be run again, in no transaction, and computes in its middle until the test says that it is enough. */
  rebuildsSlowly: (db) =>
    rebuild(db, () => {
      say('in the middle')
      while (!existsSync(`${path}.enough`));
    }),
  rebuilds: (db) => rebuild(db, () => {}),
  /** Two seconds of short writes, each of which a synchronous driver answers before any timer could fire. */
  manyStatements: async (db) => {
    say('in the middle')
    await hear()
    await sql`create table tally (n integer)`.execute(db)
    for (const endMs = Date.now() + 2_000; Date.now() < endMs; )
      await sql`insert into tally values (1)`.execute(db)
  },
}

async function rebuild(db: Db, compute: () => void): Promise<void> {
  await sql`create table if not exists thing (n integer)`.execute(db)
  await sql`drop table if exists new_thing`.execute(db)
  await sql`create table new_thing as select n from thing`.execute(db)
  compute()
  await sql`drop table thing`.execute(db)
  await sql`alter table new_thing rename to thing`.execute(db)
}

const [name = '', deed = 'nothing', times] = args
const db: Db = new Kysely({
  log: name === 'waiting' ? sayWhenItLooks : [],
  dialect: new TimedDialect(await connector(), times === undefined ? undefined : JSON.parse(times)),
})

function migration(title: string, work: (handle: Db) => Promise<unknown>): Migration {
  return {
    async up(handle: Db) {
      await sql`create table if not exists ran (migration text, process text)`.execute(handle)
      await sql`insert into ran values (${title}, ${name})`.execute(handle)
      await work(handle)
    },
  }
}

const migrations: Record<string, Migration> = {
  first: migration('first', deeds.nothing as (db: Db) => Promise<unknown>),
  second: migration('second', deeds[deed] as (db: Db) => Promise<unknown>),
  third: migration('third', (handle) => sql`create table done (n integer)`.execute(handle)),
}
let looks = 0
function sayWhenItLooks({ query }: LogEvent): void {
  if (query.sql.startsWith('select owner') && ++looks === 2) say('looks at the lock')
}

say('ready')
await hear()
const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
const { error, results } = await migrator.migrateToLatest()
await db.destroy()
say({
  error: error === undefined ? null : String(error),
  ran: (results ?? []).map((result) => result.migrationName),
})
process.exit(0)
