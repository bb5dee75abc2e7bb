/**
 * Values are under the names of their own columns, also in the first answer after the schema changed.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from './case.ts'

/** Changes to a table of the columns a, b and c, and the row that `select *` must answer after each. */
const changes: readonly (readonly [ddl: string, row: Record<string, unknown>])[] = [
  ['alter table t drop column b', { a: 'a', c: 'c' }],
  ["alter table t add column d default 'd'", { a: 'a', c: 'c', d: 'd' }],
  ['alter table t rename column a to z', { z: 'a', c: 'c', d: 'd' }],
  ['alter table t drop column z', { c: 'c', d: 'd' }],
]

type Read = (db: Kysely<AnyDatabase>) => Promise<unknown>

const reads: Readonly<Record<string, Read>> = {
  'a read': async (db) => (await db.selectFrom('t').selectAll().execute())[0],
  'a stream': async (db) => {
    for await (const row of db.selectFrom('t').selectAll().stream()) return row
  },
  'a read-only transaction': (db) =>
    db
      .transaction()
      .setAccessMode('read only')
      .execute(async (trx) => (await trx.selectFrom('t').selectAll().execute())[0]),
  'a transaction': (db) =>
    db.transaction().execute(async (trx) => (await trx.selectFrom('t').selectAll().execute())[0]),
  'RETURNING *': async (db) => (await db.updateTable('t').set({ c: sql`c` }).returningAll().execute())[0],
}

async function expectRightNames(
  { open }: CaseContext,
  read: Read,
  change: (db: Kysely<AnyDatabase>, ddl: string) => Promise<unknown>,
): Promise<void> {
  const { db } = await open()
  await sql`create table t (a, b, c)`.execute(db)
  await sql`insert into t values ('a', 'b', 'c')`.execute(db)
  expect(await read(db)).toEqual({ a: 'a', b: 'b', c: 'c' })
  for (const [ddl, row] of changes) {
    await change(db, ddl)
    expect(await read(db)).toStrictEqual(row)
  }
}

describeContract(
  'schema changes',
  Object.entries(reads).flatMap(([name, read]) => [
    {
      name: `C8 ${name} names the columns right after this storage changed the table`,
      run: (context: CaseContext) => expectRightNames(context, read, (db, ddl) => sql.raw(ddl).execute(db)),
    },
    {
      name: `C8 ${name} names the columns right after another process changed the table`,
      run: (context: CaseContext) => expectRightNames(context, read, (_, ddl) => context.peer(ddl)),
    },
  ]),
)
