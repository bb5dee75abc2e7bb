/**
 * Kysely's Migrator on a storage, and on a plain Kysely with our dialect.
 *
 * @module
 */
import { CamelCasePlugin, CompiledQuery, type Dialect, Kysely, sql } from 'kysely'
import { type Migration, type MigrationResultSet, Migrator } from 'kysely/migration'
import { OuterWriteError, UnbusyDialect, UnbusyError, UnsupportedError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from './case.ts'
import { dialectAround, type PassOn } from './dialect-around.ts'
import { connectorTo } from './matrix.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

type Up = (db: Kysely<AnyDatabase>) => Promise<unknown>

/** Migrations named by their places, `1`, `2` and so on. */
function migrate(db: Kysely<AnyDatabase>, ...ups: readonly Up[]): Promise<MigrationResultSet> {
  const migrations: Record<string, Migration> = {}
  for (const [index, up] of ups.entries()) {
    migrations[`${index + 1}`] = {
      up: async (handle) => {
        await up(handle)
      },
    }
  }
  return new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
}

function statuses({ error, results }: MigrationResultSet): unknown {
  if (error !== undefined) return error
  return results?.map(({ migrationName, status }) => `${migrationName} ${status}`)
}

/** A parent with three children, which a DROP of the parent would delete if foreign keys were on. */
const family: Up = async (db) => {
  await sql`create table parent (id integer primary key, name text)`.execute(db)
  await sql`create table child (id integer primary key, parent_id integer not null references parent (id) on delete cascade)`.execute(
    db,
  )
  await sql`insert into parent values (1, 'a')`.execute(db)
  await sql`insert into child values (1, 1), (2, 1), (3, 1)`.execute(db)
}

/** The rebuild of https://www.sqlite.org/lang_altertable.html, section 7. */
const rebuild: Up = async (db) => {
  await sql`pragma foreign_keys = off`.execute(db)
  await db.transaction().execute(async (trx) => {
    await sql`create table new_parent (id integer primary key, name text not null)`.execute(trx)
    await sql`insert into new_parent select * from parent`.execute(trx)
    await sql`drop table parent`.execute(trx)
    await sql`alter table new_parent rename to parent`.execute(trx)
  })
}

async function childrenIn(db: Kysely<AnyDatabase>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from child`.execute(db)
  return rows[0]?.n as number
}

/** What is the same whoever made the Kysely. */
async function expectOthersToWait(db: Kysely<AnyDatabase>): Promise<void> {
  await createNotes(db)
  let write: Promise<void> | undefined
  let isWritten = false

  const result = await migrate(db, async (handle) => {
    await addNote(handle, 'first')
    write = addNote(db, 'second').then(() => {
      isWritten = true
    })
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect(await notes(db)).toEqual(['first'])
    }
    expect(isWritten).toBe(false)
  })

  expect(statuses(result)).toEqual(['1 Success'])
  await write
  expect(await notes(db)).toEqual(['first', 'second'])
}

async function lockRows(db: Kysely<AnyDatabase>): Promise<unknown[]> {
  return (await sql`select * from unbusy_migration_lock`.execute(db)).rows
}

async function withPlainKysely(
  { connector, path }: CaseContext,
  work: (db: Kysely<AnyDatabase>) => Promise<void>,
  around: (dialect: Dialect) => Dialect = (dialect) => dialect,
): Promise<void> {
  const dialect = new UnbusyDialect({ connector: await connectorTo(connector, path), onWarning: () => {} })
  const db = new Kysely<AnyDatabase>({ dialect: around(dialect) })
  try {
    await work(db)
  } finally {
    await db.destroy()
  }
}

describeContract('migrations', [
  {
    name: 'C14 a table rebuild with foreign_keys off keeps every cascading child, and foreign keys are on after it',
    async run({ open }) {
      const { db } = await open()

      expect(statuses(await migrate(db, family, rebuild))).toEqual(['1 Success', '2 Success'])

      expect(await childrenIn(db)).toBe(3)
      const error = await rejection(sql`insert into child values (4, 99)`.execute(db))
      expect(error).toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
    },
  },
  {
    name: 'C14 the same on a plain Kysely with UnbusyDialect',
    async run(context) {
      await withPlainKysely(context, async (db) => {
        expect(statuses(await migrate(db, family, rebuild))).toEqual(['1 Success', '2 Success'])
        expect(await childrenIn(db)).toBe(3)
      })
    },
  },
  {
    name: 'C14 the same behind a dialect with connections of its own: others wait, and no lock stays behind',
    async run(context) {
      await withPlainKysely(
        context,
        async (db) => {
          expect(statuses(await migrate(db, family, rebuild))).toEqual(['1 Success', '2 Success'])
          expect(await childrenIn(db)).toBe(3)
          await sql`drop table kysely_migration`.execute(db)
          await expectOthersToWait(db)
          expect(await lockRows(db)).toEqual([])
        },
        dialectAround,
      )
    },
  },
  {
    name: 'C14 behind a dialect that makes other queries of ours nothing is migrated, and the error says why',
    async run(context) {
      const passOn: PassOn = ({ sql, parameters }) => CompiledQuery.raw(sql, [...parameters])
      await withPlainKysely(
        context,
        async (db) => {
          const { error, results } = await migrate(db, family)

          expect(error).toBeInstanceOf(UnsupportedError)
          expect(results).toBeUndefined()
          expect(await rejection(childrenIn(db))).toMatchObject({ code: 'SQLITE_ERROR' })
        },
        (dialect) => dialectAround(dialect, passOn),
      )
    },
  },
  {
    name: 'C14 with CamelCasePlugin',
    async run({ open }) {
      const { db } = await open({ plugins: [new CamelCasePlugin()] })

      const result = await migrate(db, (handle) =>
        handle.schema.createTable('bigNote').addColumn('noteText', 'text').execute(),
      )

      expect(statuses(result)).toEqual(['1 Success'])
      const { rows } = await sql`select name from sqlite_schema where name like 'big%'`.execute(db)
      expect(rows).toEqual([{ name: 'big_note' }])
    },
  },
  {
    name: 'C14 a transaction in a migration that fails is undone, the lock is released, and the next run goes on there',
    async run({ open }) {
      const { db } = await open()
      const create: Up = (handle) =>
        sql`create table note (id integer primary key, text text unique)`.execute(handle)
      const fail: Up = (handle) =>
        handle.transaction().execute(async (trx) => {
          await addNote(trx, 'half')
          throw new Error('on purpose')
        })

      const failed = await migrate(db, create, fail)
      expect(failed.error).toMatchObject({ message: 'on purpose' })
      expect(failed.results?.map(({ status }) => status)).toEqual(['Success', 'Error'])
      expect(await notes(db)).toEqual([])

      const result = await migrate(db, create, (handle) => addNote(handle, 'whole'))
      expect(statuses(result)).toEqual(['2 Success'])
      expect(await notes(db)).toEqual(['whole'])
    },
  },
  {
    name: 'C14 a migration that fails inside a raw BEGIN is undone, and leaves no lock that the next run waits for',
    async run({ open }) {
      const { db } = await open()
      const fails: Up = async (handle) => {
        await sql`begin`.execute(handle)
        await createNotes(handle)
        await sql`nonsense`.execute(handle)
      }
      const forgets: Up = async (handle) => {
        await sql`begin`.execute(handle)
        await createNotes(handle)
      }

      const failed = await migrate(db, fails)
      expect(failed.error).toMatchObject({ code: 'SQLITE_ERROR', message: expect.stringMatching(/nonsense/) })
      expect(await lockRows(db)).toEqual([])
      const { error } = await migrate(db, forgets)
      expect(error).toMatchObject({ name: 'TransactionControlError' })
      expect(await lockRows(db)).toEqual([])

      expect(statuses(await migrate(db, createNotes))).toEqual(['1 Success'])
    },
  },
  {
    name: 'C11 a migration that fails and leaves a controlled transaction open ends, and what it began is rolled back',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)

      const { error } = await migrate(db, async (handle) => {
        const begun = await handle.startTransaction().execute()
        await addNote(begun, 'half')
        throw new Error('on purpose')
      })

      expect(error).toMatchObject({ message: 'on purpose' })
      expect(await lockRows(db)).toEqual([])
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'C14 introspection hides the tables of the library: that of the lock, and that of idempotency keys',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await migrate(db, (handle) => createNotes(handle))
      await storage.batch([db.insertInto('note').values({ text: 'a' })], { idempotencyKey: 'one' })

      const shown = await db.introspection.getTables()
      const all = await db.introspection.getTables({ withInternalKyselyTables: true })

      expect(shown.map(({ name }) => name)).toEqual(['note'])
      const names = all.map(({ name }) => name)
      expect(names).toEqual(expect.arrayContaining(['unbusy_migration_lock', 'unbusy_ledger']))
    },
  },
  {
    name: 'C14 two Migrators of one process run every migration once',
    async run({ open }) {
      const { db } = await open()
      const ups: readonly Up[] = [(handle) => createNotes(handle), (handle) => addNote(handle, 'once')]

      const results = await Promise.all([migrate(db, ...ups), migrate(db, ...ups)])

      // Which of them is first is not decided: over a network it may be the second one.
      expect(results.map(statuses).sort()).toEqual([[], ['1 Success', '2 Success']])
      expect(await notes(db)).toEqual(['once'])
    },
  },
  {
    name: 'C14 migrations that begin while another process has the lock for longer than their budget wait for it',
    async run({ open, holdLock }) {
      const { db } = await open({ lockTimeoutMs: 50 })
      await migrate(db, (handle) => createNotes(handle))
      await using _lock = await holdLock(1_000)

      const result = await migrate(
        db,
        async () => {},
        (handle) => addNote(handle, 'waited'),
      )

      expect(statuses(result)).toEqual(['2 Success'])
      expect(await notes(db)).toEqual(['waited'])
    },
  },
  {
    name: 'C14 other writes of the process wait for the migrations and then work; reads do not wait',
    async run({ open }) {
      const { db } = await open()
      await expectOthersToWait(db)
    },
  },
  {
    name: 'C14 they do on a plain Kysely with UnbusyDialect too',
    async run(context) {
      await withPlainKysely(context, expectOthersToWait)
    },
  },
  {
    name: 'C14 a process that lost the lock while it migrated is told to check the schema',
    async run({ open, peer }) {
      const { db } = await open()

      const { error } = await migrate(db, async (handle) => {
        await createNotes(handle)
        await peer("update unbusy_migration_lock set owner = 'somebody else'")
      })

      expect(error).toBeInstanceOf(UnbusyError)
      expect((error as Error).message).toMatch(/^Cannot vouch for these migrations .* check the schema$/)
    },
  },
  {
    name: 'C11 a migration that awaits a write through the outer db is told so, and the storage works after it',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)

      const { error } = await migrate(db, async (handle) => {
        await addNote(handle, 'inner')
        await addNote(db, 'outer')
      })

      expect(error).toBeInstanceOf(OuterWriteError)
      await addNote(db, 'after')
      expect(await notes(db)).toEqual(['inner', 'after'])
    },
  },
])
