/**
 * Integers beyond 2^53 go in and come out exactly, by whatever way they are read.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { rejection } from './note.ts'

const beyond = 2n ** 53n + 1n
const smallest = -(2n ** 63n)
const values: readonly (number | bigint)[] = [1, beyond, -beyond, 2 ** 53 - 1, smallest, 0]

async function createNumbers(db: Kysely<AnyDatabase>): Promise<void> {
  await sql`create table number (id integer primary key, n integer)`.execute(db)
  for (const n of values) await db.insertInto('number').values({ n }).execute()
}

async function collect(stream: AsyncIterable<{ n: unknown }>): Promise<unknown[]> {
  const read: unknown[] = []
  for await (const { n } of stream) read.push(n)
  return read
}

/** The same numbers by every way of reading. */
async function readAll(db: Kysely<AnyDatabase>): Promise<unknown[][]> {
  const query = (handle: Kysely<AnyDatabase>) => handle.selectFrom('number').select('n').orderBy('id')
  const ns = (rows: { n?: unknown }[]): unknown[] => rows.map(({ n }) => n)
  return [
    ns(await query(db).execute()),
    // The second time the statement comes from the cache.
    ns(await query(db).execute()),
    await collect(query(db).stream()),
    await db.transaction().execute(async (trx) => ns(await query(trx).execute())),
    await db.transaction().execute((trx) => collect(query(trx).stream())),
    await db
      .transaction()
      .setAccessMode('read only')
      .execute(async (trx) => ns(await query(trx).execute())),
    ns(await db.updateTable('number').set({ n: sql`n` }).returning('n').execute()),
  ]
}

describeContract('integers', [
  {
    name: 'C8 integers within 2^53 are numbers, beyond they are bigints, exactly',
    async run({ open }) {
      const { db } = await open()
      await createNumbers(db)

      for (const read of await readAll(db)) expect(read).toStrictEqual(values)
      const { rows } = await sql`select cast(n as text) as n from number`.execute(db)
      expect(rows).toEqual(values.map((n) => ({ n: String(n) })))
    },
  },
  {
    name: 'C8 with integers: bigint all integers are bigints, and REAL stays a number',
    async run({ open }) {
      const { db } = await open({ integers: 'bigint' })
      await createNumbers(db)

      for (const read of await readAll(db)) expect(read).toStrictEqual(values.map(BigInt))
      const { rows } = await sql`select 1.0 as r, 1 as i, '1' as t, count(*) as n from number`.execute(db)
      expect(rows).toStrictEqual([{ r: 1, i: 1n, t: '1', n: 6n }])
    },
  },
  {
    name: 'C8 with integers: strict an integer beyond 2^53 is an error, and what returned it is not stored',
    async run({ open }) {
      const { db } = await open({ integers: 'strict' })
      await sql`create table number (id integer primary key, n integer)`.execute(db)
      await db.insertInto('number').values({ n: 1 }).execute()

      const inserts = [
        db.insertInto('number').values({ n: beyond }).returning('n').execute(),
        db
          .transaction()
          .execute((trx) => trx.insertInto('number').values({ n: beyond }).returning('n').execute()),
      ]

      for (const insert of inserts) {
        expect(await rejection(insert)).toMatchObject({
          name: 'RangeError',
          message: 'Cannot read column n as a number as its integer is beyond 2^53',
        })
      }
      expect(await db.selectFrom('number').select('n').execute()).toEqual([{ n: 1 }])
      expect(await rejection(sql`select ${beyond} as n`.execute(db))).toBeInstanceOf(RangeError)
      const one = db.selectFrom('number').select(sql`${beyond}`.as('n'))
      expect(await rejection(collect(one.stream()))).toBeInstanceOf(RangeError)
      await db.insertInto('number').values({ n: 2 }).execute()
    },
  },
  {
    name: 'C10 with integers: strict a transaction that goes on after a refused row has nothing of its write',
    async run({ open }) {
      const { db } = await open({ integers: 'strict' })
      await sql`create table number (id integer primary key, n integer)`.execute(db)

      await db.transaction().execute(async (trx) => {
        await trx.insertInto('number').values({ n: 1 }).returning('n').execute()
        await rejection(trx.updateTable('number').set({ n: beyond }).returning('n').execute())
        await rejection(trx.insertInto('number').values({ n: beyond }).returning('n').execute())
        await trx.insertInto('number').values({ n: 2 }).execute()
      })

      expect(await db.selectFrom('number').select('n').orderBy('n').execute()).toEqual([{ n: 1 }, { n: 2 }])
    },
  },
  {
    name: 'C8 integers are read exactly when a REAL looks like one beyond 2^53',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } =
        await sql`select 9007199254740993 as i, 9007199254740993.0 as r, 1e300 as huge`.execute(db)

      expect(rows).toStrictEqual([{ i: beyond, r: 2 ** 53, huge: 1e300 }])
    },
  },
  {
    name: "C8 integerBinding: 'driver' binds numbers as the driver alone would, and bigints as integers",
    async run({ openInMemory, connector }) {
      const { db } = await openInMemory({ integerBinding: 'driver' })

      const { rows } =
        await sql`select typeof(${5}) as n, typeof(${true}) as b, typeof(${5n}) as i, typeof(${1.5}) as r, ${5} as v`.execute(
          db,
        )

      const type = connector === 'bun-sqlite' ? 'integer' : 'real'
      expect(rows).toStrictEqual([{ n: type, b: type, i: 'integer', r: 'real', v: 5 }])
    },
  },
])
