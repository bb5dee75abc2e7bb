/**
 * What a write answers: `insertId`, `numAffectedRows` and `numInsertedOrUpdatedRows` mean the same with every driver.
 *
 * @module
 */
import { type Kysely, type QueryResult, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'

/** A statement, and all that its result holds beside the rows. */
interface Answer {
  readonly what: string
  readonly run: (db: Kysely<AnyDatabase>) => Promise<QueryResult<unknown>>
  readonly rows?: readonly unknown[]
  readonly insertId?: bigint
  readonly numAffectedRows?: bigint
}

const table = 'create table item (id integer primary key, name text unique, n integer default 0)'

const answers: readonly Answer[] = [
  { what: 'DDL', run: (db) => sql`create table other (x)`.execute(db) },
  {
    what: 'an INSERT of one row',
    run: (db) => sql`insert into item (name) values ('d')`.execute(db),
    insertId: 4n,
    numAffectedRows: 1n,
  },
  {
    what: 'an INSERT of three rows answers the last id',
    run: (db) => sql`insert into item (name) values ('d'), ('e'), ('f')`.execute(db),
    insertId: 6n,
    numAffectedRows: 3n,
  },
  {
    what: 'an INSERT with an id beyond 2^53',
    run: (db) => sql`insert into item (id, name) values (9007199254740993, 'd')`.execute(db),
    insertId: 9007199254740993n,
    numAffectedRows: 1n,
  },
  {
    what: 'an INSERT behind WITH',
    run: (db) => sql`with x (name) as (values ('d')) insert into item (name) select name from x`.execute(db),
    insertId: 4n,
    numAffectedRows: 1n,
  },
  {
    what: 'an INSERT OR IGNORE that inserted nothing has no id',
    run: (db) => sql`insert or ignore into item (name) values ('a')`.execute(db),
    numAffectedRows: 0n,
  },
  {
    what: 'an INSERT of no rows has no id',
    run: (db) => sql`insert into item (name) select name from item where false`.execute(db),
    numAffectedRows: 0n,
  },
  {
    what: 'ON CONFLICT DO NOTHING that inserted nothing has no id',
    run: (db) => sql`insert into item (name) values ('a') on conflict do nothing`.execute(db),
    numAffectedRows: 0n,
  },
  {
    what: 'ON CONFLICT DO UPDATE has no id, which would be that of the last insert of anybody when it updated',
    run: (db) =>
      sql`insert into item (name) values ('a') on conflict (name) /* ! */ do -- so
        update set n = 7`.execute(db),
    numAffectedRows: 1n,
  },
  {
    what: 'an INSERT with RETURNING counts its rows',
    run: (db) => sql`insert into item (name) values ('d'), ('e') returning id, name`.execute(db),
    rows: [
      { id: 4, name: 'd' },
      { id: 5, name: 'e' },
    ],
    numAffectedRows: 2n,
  },
  {
    what: 'a REPLACE',
    run: (db) => sql`replace into item (name) values ('a')`.execute(db),
    insertId: 4n,
    numAffectedRows: 1n,
  },
  {
    what: 'an UPDATE has no id',
    run: (db) => sql`update item set n = n + 1 where name <> 'a'`.execute(db),
    numAffectedRows: 2n,
  },
  {
    what: 'an UPDATE of no row',
    run: (db) => sql`update item set n = 1 where false`.execute(db),
    numAffectedRows: 0n,
  },
  {
    what: 'an UPDATE with RETURNING counts its rows',
    run: (db) => sql`update item set n = n + 1 returning n`.execute(db),
    rows: [{ n: 1 }, { n: 1 }, { n: 1 }],
    numAffectedRows: 3n,
  },
  {
    what: 'an UPDATE of no row with RETURNING',
    run: (db) => sql`update item set n = 1 where false returning n`.execute(db),
    numAffectedRows: 0n,
  },
  { what: 'a DELETE', run: (db) => sql`delete from item where id > 1`.execute(db), numAffectedRows: 2n },
  { what: 'a DELETE of all rows', run: (db) => sql`delete from item`.execute(db), numAffectedRows: 3n },
  {
    what: 'a DELETE with RETURNING counts its rows',
    run: (db) => sql`delete from item where id = 2 returning *`.execute(db),
    rows: [{ id: 2, name: 'b', n: 0 }],
    numAffectedRows: 1n,
  },
  { what: 'a SELECT', run: (db) => sql`select 1 as one`.execute(db), rows: [{ one: 1 }] },
  { what: 'a SELECT of nothing', run: (db) => sql`select 1 as one where false`.execute(db) },
  { what: 'VALUES', run: (db) => sql`values (1)`.execute(db), rows: [{ column1: 1 }] },
  { what: 'a PRAGMA', run: (db) => sql`pragma user_version`.execute(db), rows: [{ user_version: 0 }] },
  { what: 'a PRAGMA that sets something', run: (db) => sql`pragma user_version = 3`.execute(db) },
]

async function prepare(db: Kysely<AnyDatabase>): Promise<void> {
  await sql.raw(table).execute(db)
  await sql`insert into item (name) values ('a'), ('b'), ('c')`.execute(db)
}

const cases = answers.map(
  ({ what, run, rows = [], insertId, numAffectedRows }): ContractCase => ({
    name: `C8 the result of ${what}`,
    async run({ openInMemory }) {
      const alone = await openInMemory()
      await prepare(alone.db)
      const inside = await openInMemory()
      await prepare(inside.db)

      const results = [await run(alone.db), await inside.db.transaction().execute((trx) => run(trx))]

      for (const result of results) {
        expect(result.rows).toStrictEqual(rows)
        expect([result.insertId, result.numAffectedRows]).toStrictEqual([insertId, numAffectedRows])
      }
    },
  }),
)

describeContract('results', [
  ...cases,
  {
    name: "C8 Kysely's own results: insert, upsert, update and delete",
    async run({ open }) {
      const { db } = await open()
      await prepare(db)
      const one = { name: 'd' }

      const inserted = await db.insertInto('item').values(one).executeTakeFirstOrThrow()
      const ignored = await db.insertInto('item').orIgnore().values(one).executeTakeFirstOrThrow()
      const upserted = await db
        .insertInto('item')
        .values({ ...one, n: 7 })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ n: 8 }))
        .executeTakeFirstOrThrow()
      const updated = await db.updateTable('item').set({ n: 9 }).executeTakeFirstOrThrow()
      const deleted = await db.deleteFrom('item').where('name', '=', 'd').executeTakeFirstOrThrow()

      expect(inserted).toMatchObject({ insertId: 4n, numInsertedOrUpdatedRows: 1n })
      expect(ignored).toMatchObject({ insertId: undefined, numInsertedOrUpdatedRows: 0n })
      expect(upserted).toMatchObject({ numInsertedOrUpdatedRows: 1n })
      expect(updated).toMatchObject({ numUpdatedRows: 4n })
      expect(deleted).toMatchObject({ numDeletedRows: 1n })
    },
  },
])
