/**
 * storage.prepare(): a query that is built and compiled once, and bound anew at each call.
 *
 * @module
 */
import { CamelCasePlugin, type Generated, type Kysely, sql } from 'kysely'
import { InvalidStatementError, LockTimeoutError, type Storage } from 'unbusy'
import { expect, expectTypeOf } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { createNotes, notes, rejection } from './note.ts'
import { run } from './run-sql.ts'
import { expectCaller, until } from './together.ts'

interface Notes {
  readonly note: { id: Generated<number>; text: string }
}

type Db = Kysely<AnyDatabase>
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const cases: ContractCase[] = [
  {
    name: 'prepare() builds once and binds the values of each call, also of a thousand at once',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      let builds = 0
      const add = storage.prepare((db, p: { id: number; text: string }) => {
        builds++
        return db.insertInto('note').values({ text: p.text, id: p.id })
      })

      await Promise.all(numbers(1_000).map((id) => add({ text: `text ${id}`, id })))

      expect(builds).toBe(1)
      expect(await notes(storage.db)).toEqual(numbers(1_000).map((id) => `text ${id}`))
      expect(storage.stats().largestGroup).toBeGreaterThan(10)
    },
  },
  {
    name: 'prepare() answers as executeQuery does: rows, insertId, numAffectedRows, typed',
    async run({ open }) {
      const storage = (await open()) as Storage<Notes>
      await createNotes(storage.db)
      const add = storage.prepare((db, p: { text: string }) => db.insertInto('note').values({ text: p.text }))
      const addReturning = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }).returning(['id', 'text']),
      )
      const find = storage.prepare((db, p: { id: number }) =>
        db.selectFrom('note').selectAll().where('id', '=', p.id),
      )
      const remove = storage.prepare((db, p: { id: number }) => db.deleteFrom('note').where('id', '<=', p.id))

      const returned = [await add({ text: 'a' }), await addReturning({ text: 'b' })]
      const found = await find({ id: 2 })
      const removed = await remove({ id: 2 })

      expectTypeOf(found.rows).toEqualTypeOf<{ id: number; text: string }[]>()
      expectTypeOf(add).parameter(0).toEqualTypeOf<{ text: string }>()
      expect(returned).toEqual([
        { rows: [], numAffectedRows: 1n, insertId: 1n },
        { rows: [{ id: 2, text: 'b' }], numAffectedRows: 1n },
      ])
      expect(found).toEqual({ rows: [{ id: 2, text: 'b' }] })
      expect(removed).toEqual({ rows: [], numAffectedRows: 2n })
      expect(await find({ id: 2 })).toEqual({ rows: [] })
    },
  },
  {
    name: 'C8 prepare() stores every value as a plain Kysely insert does',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await run(db, 'create table item (id integer primary key, value)')
      const values = [
        ...[null, 0, -1.5, 5, 2 ** 53, 2n ** 60n, true, false, '', 'text', 'é'],
        ...[new Date(77), new Uint8Array([0, 255]), new Uint8Array([1]).buffer],
      ]
      const add = storage.prepare((prepared, p: { id: number; value: unknown }) =>
        prepared.insertInto('item').values({ id: p.id, value: p.value }),
      )
      const stored = (from: number) =>
        sql`select value, typeof(value) as type from item where id >= ${from} and id < ${from + 100} order by id`

      for (const [id, value] of values.entries()) {
        await db.insertInto('item').values({ id, value }).execute()
        await add({ id: 100 + id, value })
      }

      expect((await stored(100).execute(db)).rows).toEqual((await stored(0).execute(db)).rows)
      expect((await stored(100).execute(db)).rows).toHaveLength(values.length)
    },
  },
  {
    name: 'C8 prepare() refuses a call without a parameter, or with one that cannot be stored, and nothing runs',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const add = storage.prepare((db, p: { text: string }) => db.insertInto('note').values({ text: p.text }))
      const bad = [
        {},
        { Text: 'a' },
        { text: undefined },
        { text: ['a'] },
        { text: { a: 1 } },
        { text: Number.NaN },
      ]

      for (const parameters of bad) {
        const error = await rejection(add(parameters as unknown as { text: string }))
        expect(error).toBeInstanceOf(InvalidStatementError)
      }
      const missing = await rejection(add({} as { text: string }))

      const list = await rejection(add({ text: ['a'] } as unknown as { text: string }))
      const without = await rejection(add(undefined as unknown as { text: string }))

      expect(missing.message).toBe("Cannot run the prepared query without its parameter 'text'")
      expect(without).toEqual(missing)
      expect(list.message).toBe('Cannot bind text as it is an array: bind its JSON, which json_each() reads')
      expect(await notes(storage.db)).toEqual([])
      await add({ text: 'a' })
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
  {
    name: 'prepare() takes a parameter twice, in raw SQL, in LIMIT, in lists, in subqueries and in several rows',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db)
      const addTwo = storage.prepare((prepared, p: { a: string; b: string; id: number }) =>
        prepared.insertInto('note').values([
          { id: p.id, text: p.a },
          { id: sql`${p.id} + 1`, text: sql`${p.b} || '-' || ${p.a}` },
        ]),
      )
      const find = storage.prepare((prepared, p: { a: string; b: string; most: number; skip: number }) =>
        prepared
          .selectFrom('note')
          .select('text')
          .where((eb) =>
            eb.or([
              eb('text', 'in', [p.a, p.b, 'fixed']),
              eb('text', 'like', p.a),
              eb(sql`${p.b}`, '=', 'all'),
            ]),
          )
          .where('id', 'in', prepared.selectFrom('note').select('id').where('id', '>', p.skip))
          .orderBy('id')
          .limit(p.most)
          .offset(p.skip),
      )
      const rawCount = storage.prepare((prepared, p: { least: number }) => ({
        compile: () =>
          sql<{ n: number }>`select count(*) as n from note where id >= ${p.least}`.compile(prepared),
      }))

      await addTwo({ a: 'x', b: 'y', id: 1 })
      await addTwo({ a: 'fixed', b: 'z', id: 3 })

      const texts = async (p: Parameters<typeof find>[0]): Promise<unknown> =>
        (await find(p)).rows.map(({ text }) => text)
      expect(await notes(db)).toEqual(['x', 'y-x', 'fixed', 'z-fixed'])
      expect(await texts({ a: 'x', b: 'z-fixed', most: 9, skip: 0 })).toEqual(['x', 'fixed', 'z-fixed'])
      expect(await texts({ a: '%x', b: '', most: 3, skip: 0 })).toEqual(['x', 'y-x', 'fixed'])
      expect(await texts({ a: '', b: 'all', most: 1, skip: 1 })).toEqual(['fixed'])
      expect(await rawCount({ least: 3 })).toEqual({ rows: [{ n: 2 }] })
    },
  },
  {
    name: 'prepare() takes a list as JSON',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a', 'b', 'c')
      const find = storage.prepare((db, p: { ids: string }) =>
        db
          .selectFrom('note')
          .select('text')
          .where('id', 'in', sql<number>`(select value from json_each(${p.ids}))`),
      )

      expect((await find({ ids: JSON.stringify([1, 3]) })).rows).toEqual([{ text: 'a' }, { text: 'c' }])
    },
  },
  {
    name: 'prepare() binds the parameters of SQL functions in an UPDATE',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db, 'a')
      const rename = storage.prepare((prepared, p: { id: number; text: string; suffix: string }) =>
        prepared
          .updateTable('note')
          .set({ text: sql`concat(${p.text}, ${p.suffix})` })
          .where('id', '=', p.id)
          .returning('text'),
      )

      const renamed = await rename({ id: 1, text: 'b', suffix: 'c' }).catch((error: Error) => error)

      // concat() came with SQLite 3.44.
      if (renamed instanceof Error) expect(renamed.message).toMatch(/no such function: concat/)
      else expect(renamed.rows).toEqual([{ text: 'bc' }])
    },
  },
  {
    name: 'prepare() refuses a builder that computes with a parameter, instead of making wrong SQL of it',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const misuses: ((db: Db, p: { a: number; b: number }) => unknown)[] = [
        (db, p) => db.selectFrom('note').where('id', '=', p.a + 1),
        (db, p) => db.selectFrom('note').where('id', '=', p.a * p.b),
        (db, p) => db.selectFrom('note').where('text', 'like', `%${p.a}%`),
        (db, p) => db.selectFrom('note').where('text', '=', String(p.a)),
        (db, p) => db.selectFrom('note').where('id', '=', Number(p.a)),
        (db, p) => db.selectFrom('note').where('id', '=', p.a < p.b ? 1 : 2),
        (db, p) => db.insertInto('note').values({ text: JSON.stringify(p.a) }),
        (db, p) => db.insertInto('note').values({ text: JSON.stringify({ inner: p.a }) }),
        (db, p) => db.insertInto('note').values({ ...p }),
        (db, p) => db.insertInto('note').values(p.a as never),
        (db, p) => db.insertInto('note').values({ ...(p.a as unknown as object) }),
        (db, p) => db.insertInto('note').values({ text: (p.a as unknown as { name: string }).name }),
        (db, p) =>
          db
            .updateTable('note')
            .set(p.a as never)
            .where('id', '=', p.b),
        (db, p) => db.selectFrom('note').where('id', '=', p.a ? 1 : 2),
        (db, p) => db.insertInto('note').values(p),
        (db, p) => db.updateTable('note').set(p),
        (db, p) => db.insertInto('note').values(Object.fromEntries(Object.entries(p))),
        (db, p) => db.selectFrom('note').where('id', 'in', [...(p.a as unknown as number[])]),
        (db, p) => ('a' in p ? db.selectFrom('note') : db.selectFrom('other')),
        (db, p) => db.selectFrom(sql.raw(`${p.a}`).as('t')),
        (db, p) => db.selectFrom('note').where('id', '=', sql.lit(p.a)),
      ]

      for (const [index, misuse] of misuses.entries()) {
        const prepare = (): unknown =>
          storage.prepare((db, p: { a: number; b: number }) => {
            const query = misuse(db, p) as ReturnType<Db['selectFrom']>
            return 'selectAll' in query ? query.selectAll() : query
          })
        let error: unknown
        try {
          prepare()
        } catch (reason) {
          error = reason
        }
        expect([index, error]).toEqual([index, expect.any(InvalidStatementError)])
        expect((error as Error).message).toMatch(
          /^Cannot (compute with|list) the parameters? .*of a prepared query/,
        )
      }
    },
  },
  {
    name: 'prepare() results go through the plugins of the storage, as those of executeQuery do',
    async run({ open }) {
      const storage = await open({ plugins: [new CamelCasePlugin()] })
      const { db } = storage
      await run(db, 'create table seen_at (machine_id integer primary key, last_seen integer)')
      const see = storage.prepare((prepared, p: { machineId: number; lastSeen: number }) =>
        prepared.insertInto('seenAt').values({ machineId: p.machineId, lastSeen: p.lastSeen }).returningAll(),
      )

      const seen = [await see({ machineId: 1, lastSeen: 2 }), await see({ machineId: 2, lastSeen: 3 })]

      expect(seen.map(({ rows }) => rows)).toEqual([
        [{ machineId: 1, lastSeen: 2 }],
        [{ machineId: 2, lastSeen: 3 }],
      ])
    },
  },
  {
    name: 'C3 a prepared SELECT goes to a reader: it runs while the writer is held, and cannot write',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      const find = storage.prepare((db, p: { id: number }) =>
        db
          .selectFrom('note')
          .select(['text', sql<number>`(select query_only from pragma_query_only)`.as('queryOnly')])
          .where('id', '=', p.id),
      )
      await using _ = await holdLock(20_000)

      const rows = await storage
        .write(async () => find({ id: 1 }), { lockTimeoutMs: 20 })
        .catch(() => find({ id: 1 }))

      expect(rows.rows).toEqual([{ text: 'a', queryOnly: 1 }])
    },
  },
  {
    name: 'C3 C7 a prepared query waits by the lane, lockTimeoutMs and signal of each call',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const add = storage.prepare((db, p: { text: string }) => db.insertInto('note').values({ text: p.text }))
      await using lock = await holdLock(20_000)
      const aborter = new AbortController()

      const hasty = rejection(add({ text: 'a' }, { lockTimeoutMs: 50 }))
      const aborted = rejection(add({ text: 'b' }, { signal: aborter.signal }))
      const late = add({ text: 'late' }, { lane: 'background' })
      const urgent = add({ text: 'urgent' }, { lane: 'control' })
      await until(() => storage.stats().queuedWrites === 4)
      expect(storage.stats().queuedByLane).toEqual({ control: 1, normal: 2, background: 1 })
      aborter.abort(new Error('enough'))

      expect(await aborted).toMatchObject({ message: 'enough' })
      expect(await hasty).toBeInstanceOf(LockTimeoutError)
      await lock.release()
      await Promise.all([late, urgent])
      expect(await notes(storage.db)).toEqual(['urgent', 'late'])
    },
  },
  {
    name: 'prepare() throws at once for a builder that fails, and rejects at the call for SQL that does',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      const mistake = new Error('on purpose')
      const fail = (): unknown =>
        storage.prepare(() => {
          throw mistake
        })
      const nowhere = storage.prepare((db, p: { id: number }) =>
        db.selectFrom('nowhere').selectAll().where('id', '=', p.id),
      )
      const add = storage.prepare((db, p: { text: string }) => db.insertInto('note').values({ text: p.text }))

      expect(fail).toThrow(mistake)
      expect(await rejection(nowhere({ id: 1 }))).toMatchObject({ code: 'SQLITE_ERROR' })
      const error = await rejection(add({ text: 'a' }))
      expect(error).toMatchObject({ name: 'ConstraintError', code: 'SQLITE_CONSTRAINT_UNIQUE' })
      await expectCaller('prepare.test', async () => {
        await add({ text: 'a' })
      })
      expect(error.message).not.toContain("'a'")
    },
  },
  {
    name: 'a prepared query outlives a change of the schema',
    async run({ open, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      const all = storage.prepare((db, p: { least: number }) =>
        db.selectFrom('note').selectAll().where('id', '>=', p.least),
      )
      const add = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }).returningAll(),
      )
      expect((await all({ least: 0 })).rows).toEqual([{ id: 1, text: 'a' }])

      await run(storage.db, 'alter table note add column extra default 7')
      await peer('alter table note add column more default 8')

      expect((await add({ text: 'b' })).rows).toEqual([{ id: 2, text: 'b', extra: 7, more: 8 }])
      expect((await all({ least: 2 })).rows).toEqual([{ id: 2, text: 'b', extra: 7, more: 8 }])
    },
  },
]

describeContract('Prepared queries', cases)
