/**
 * What a row is: a plain object of its columns, whatever they are called.
 *
 * @module
 */
import { CompiledQuery, sql } from 'kysely'
import { expect } from 'vitest'
import { describeContract } from './case.ts'

const bytes = new Uint8Array([0, 1, 127, 128, 255])

describeContract('rows', [
  {
    name: 'C8 columns of one name: the last one counts; names that objects know are columns like others',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } =
        await sql`select 1 as a, 2 as a, 3 as "constructor", 4 as "toString", 5 as "a b", 6 as "1"`.execute(
          db,
        )

      expect(rows).toEqual([{ a: 2, constructor: 3, toString: 4, 'a b': 5, '1': 6 }])
      expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype)
      expect(Object.keys(rows[0] as object)).toEqual(['1', 'a', 'constructor', 'toString', 'a b'])
    },
  },
  {
    name: 'C8 a column named __proto__ cannot change what a row is',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } = await sql`select 1 as a, x'00' as "__proto__"`.execute(db)

      expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype)
      expect(rows[0]).toMatchObject({ a: 1 })
    },
  },
  {
    name: 'C8 a row is a plain object, and a blob a plain Uint8Array of its own',
    async run({ open }) {
      const { db } = await open()
      await sql`create table box ("any")`.execute(db)
      await db.insertInto('box').values({ any: bytes }).execute()
      const read = async (): Promise<Uint8Array> =>
        (await db.selectFrom('box').selectAll().executeTakeFirstOrThrow()).any

      const first = await read()
      expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype)
      first.fill(9)

      expect(await read()).toEqual(bytes)
    },
  },
  {
    name: 'C8 text that is not valid UTF-8 is read with replacement characters',
    not: {
      libsql: 'libSQL ends the process when it reads such text: test/faults/libsql-invalid-text.test.ts',
    },
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } = await sql`select cast(x'61ff62' as text) as t`.execute(db)

      expect(rows).toEqual([{ t: 'a\ufffdb' }])
    },
  },
  {
    name: 'C8 a compiled query of raw text and values',
    async run({ openInMemory }) {
      const { db } = await openInMemory()

      const { rows } = await db.executeQuery(CompiledQuery.raw('select ?2 as b, ?1 as a', [1, 'two']))

      expect(rows).toEqual([{ b: 'two', a: 1 }])
    },
  },
])
