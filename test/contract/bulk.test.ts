/**
 * Bulk writes: slices, lock cycles, what a failure leaves, and that every value is stored as one Kysely insert would.
 *
 * @module
 */
import { sql } from 'kysely'
import {
  BulkWriteError,
  ConfigError,
  ConstraintError,
  LockTimeoutError,
  type Repository,
  type Storage,
  systemClock,
} from 'unbusy'
import { seededRandom } from 'unbusy/testing'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { median } from './median.ts'
import { rejection } from './note.ts'

interface Items {
  readonly storage: Storage<AnyDatabase>
  readonly items: Repository<AnyDatabase, 'item', 'id'>
  /** How often the write lock was taken since the last time it was asked. */
  lockCycles(): number
  count(): Promise<number>
}

async function openItems(
  { open }: CaseContext,
  options?: Parameters<CaseContext['open']>[0],
): Promise<Items> {
  const storage = await open(options)
  await sql`create table item (id integer primary key, value)`.execute(storage.db)
  let seen = storage.stats().lockCycles
  return {
    storage,
    items: storage.repository('item', { key: 'id' }),
    lockCycles() {
      const cycles = storage.stats().lockCycles - seen
      seen += cycles
      return cycles
    },
    async count() {
      const row = await storage.db
        .selectFrom('item')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
      return row.n
    },
  }
}

function numbered(count: number, value: unknown = 'x'): { id: number; value: unknown }[] {
  return Array.from({ length: count }, (_, id) => ({ id, value }))
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index)
}

/** What was stored, class by class: REAL 5.0 and INTEGER 5 read the same. */
const stored = sql<AnyDatabase>`select id, value, typeof(value) as type, hex(cast(value as blob)) as bytes from item order by id`

const cases: ContractCase[] = [
  {
    name: 'C5 rows count as they were when the call was made, although the caller uses the objects again',
    async run(context) {
      const { storage, items } = await openItems(context)
      // The first call loads the code for it, and takes another way.
      for (const text of ['first', 'second']) {
        const rows = numbered(2_500, text)

        const writing = items.upsertMany(rows)
        for (const row of rows) row.value = 'later'
        await writing

        const stored = await storage.db.selectFrom('item').select('value').distinct().execute()
        expect(stored).toEqual([{ value: text }])
      }
    },
  },
  {
    name: 'C16 an idempotencyKey of the greatest length does for any number of slices',
    async run(context) {
      const { items, count } = await openItems(context)
      const idempotencyKey = 'k'.repeat(255)

      await items.insertMany(numbered(11_000), { idempotencyKey })
      await items.insertMany(numbered(11_000), { idempotencyKey })

      expect(await count()).toBe(11_000)
      const tooLong = await rejection(
        items.insertMany(numbered(11_000), { idempotencyKey: `${idempotencyKey}k` }),
      )
      expect(tooLong.cause).toBeInstanceOf(ConfigError)
      expect(tooLong).toMatchObject({ changes: 0 })
    },
  },
  {
    name: 'C5 a bulk write takes one lock cycle a slice, and one in all when atomic',
    async run(context) {
      const { items, lockCycles, count } = await openItems(context)
      const cycles: number[] = []

      for (const size of [1, 10, 1_000, 1_001, 3_500]) {
        await items.upsertMany(numbered(size))
        cycles.push(lockCycles())
      }
      await items.updateMany(numbered(3_500, 1), { atomic: true })
      cycles.push(lockCycles())
      await items.updateMany(numbered(3_500, 1.5), { atomic: true })
      cycles.push(lockCycles())
      await items.updateMany(numbered(3_500, 2.5))
      cycles.push(lockCycles())
      await items.deleteMany(numbered(3_500).map(({ id }) => id))
      cycles.push(lockCycles())
      const nothing = await items.insertMany([])

      expect(cycles).toEqual([1, 1, 1, 2, 4, 1, 1, 4, 4])
      expect(nothing).toEqual({ changes: 0 })
      expect([lockCycles(), await count()]).toEqual([0, 0])
    },
  },
  {
    name: 'C8 an update or delete of any number of rows changes these alone, and no row whose key is NULL',
    async run({ open }) {
      const storage = await open()
      await sql`create table place (id text unique, n integer)`.execute(storage.db)
      const rows = range(0, 1_100).map((id) => ({ id: `${id}`, n: 0 }))
      const places = storage.repository('place', { key: 'id' })
      await places.insertMany(rows)
      await storage.db
        .insertInto('place')
        .values([{ id: null, n: 0 }])
        .execute()
      const sumOf = async (): Promise<unknown> =>
        (await sql`select count(*) as rows, total(n) as total from place`.execute(storage.db)).rows[0]
      let left = 1_101

      for (const size of [1, 2, 3, 9, 16, 100, 129, 513, 999, 1_100]) {
        const changed = rows.slice(0, size).map(({ id }) => ({ id, n: size }))
        expect(await places.updateMany(changed, { atomic: true })).toEqual({ changes: size })
        expect(await sumOf()).toEqual({ rows: left, total: size * size })
        await places.updateMany(changed.map(({ id }) => ({ id, n: 0 })))
      }
      for (const size of [1, 3, 17, 100, 979]) {
        const first = 1_101 - left
        const ids = rows.slice(first, first + size).map(({ id }) => id)
        expect(await places.deleteMany(ids)).toEqual({ changes: size })
        left -= size
        expect(await sumOf()).toEqual({ rows: left, total: 0 })
      }
    },
  },
  ...[false, true].map(
    (isMixed): ContractCase => ({
      name: `C8 a full slice${isMixed ? ' with a column of integers and text' : ''} stores what one insert a row would, whatever the columns are declared as`,
      async run({ open }) {
        const storage = await open()
        const columns = 'id text primary key, a integer, b text, c, d real, e'
        for (const name of ['bulk', 'single'])
          await sql`create table ${sql.table(name)} (${sql.raw(columns)})`.execute(storage.db)
        // As text it is another key than 7.
        for (const name of ['bulk', 'single'])
          await storage.db.insertInto(name).values({ id: '007', a: 0 }).execute()
        const rows = range(0, 1_000).map((id) => ({
          ...{ id, a: Number.MAX_SAFE_INTEGER - id, b: id, c: -id, d: id },
          e: id % 2 === 0 ? id : isMixed ? `text ${id}` : null,
        }))
        const changed = rows.map((row) => ({ ...row, a: row.d, b: 7 }))
        const bulk = storage.repository('bulk', { key: 'id' })

        await bulk.insertMany(rows)
        // The key is a number here, and text in the table.
        expect(await bulk.updateMany(changed)).toEqual({ changes: 1_000 })
        await bulk.upsertMany(changed)
        await storage.batch(changed.map((row) => storage.db.insertInto('single').values(row)))

        const names = ['id', 'a', 'b', 'c', 'd', 'e']
        const cells = sql.raw(names.flatMap((name) => [name, `typeof(${name}) as ${name}_type`]).join(', '))
        const storedIn = async (table: string): Promise<unknown[]> =>
          (await sql`select ${cells} from ${sql.table(table)} order by id`.execute(storage.db)).rows
        expect(await storedIn('bulk')).toEqual(await storedIn('single'))
      },
    }),
  ),
  {
    name: 'C7 100,000 rows go in one call, and a control write waits for one slice of them',
    timeoutMs: 60_000,
    async run(context) {
      const { items, storage, count } = await openItems(context)
      let isWriting = true
      const writing = items.insertMany(numbered(100_000)).finally(() => {
        isWriting = false
      })
      const control = storage.with({ lane: 'control' })
      const countsBetween: number[] = []

      while (isWriting) {
        await control.updateTable('item').set({ value: 'seen' }).where('id', '=', 0).execute()
        countsBetween.push(await count())
        await new Promise((resolve) => setTimeout(resolve, 1))
      }

      expect(await writing).toEqual({ changes: 100_000 })
      expect(await count()).toBe(100_000)
      expect(new Set(countsBetween).size).toBeGreaterThan(10)
      const steps = countsBetween.slice(1).map((n, index) => n - (countsBetween[index] as number))
      expect(median(steps.filter((step) => step > 0))).toBeLessThanOrEqual(5_000)
    },
  },
  {
    name: 'C5 a slice that fails leaves those before it, and the error says which rows are not written',
    async run(context) {
      const { items, count } = await openItems(context)
      const rows = numbered(3_000)
      await items.insertMany([{ id: 1_500, value: 'there' }])

      const error = (await rejection(items.insertMany(rows))) as BulkWriteError

      expect(error).toBeInstanceOf(BulkWriteError)
      expect(error.message).toBe(
        'Cannot write 2000 of 3000 rows: 1000 of them failed together, the first is row 1000, and 1000 were not ' +
          'tried; the other 1000 are',
      )
      expect(error).toMatchObject({ total: 3_000, changes: 1_000 })
      expect(error.failed).toEqual(range(1_000, 2_000))
      expect(error.untried).toEqual(range(2_000, 3_000))
      expect(error.cause).toBeInstanceOf(ConstraintError)
      expect(await count()).toBe(1_001)
    },
  },
  {
    name: 'C5 neighbours by key share a slice of an update, and the error still names the rows of the caller',
    async run(context) {
      const { items, storage } = await openItems(context)
      await items.insertMany(numbered(3_000))
      await sql`create trigger refuse before update on item when new.id = 1500 begin select raise(abort, 'no'); end`.execute(
        storage.db,
      )
      // The even ones, then the odd ones; what comes last takes the place of the first two.
      const ids = [...range(0, 1_500).map((n) => 2 * n), ...range(0, 1_500).map((n) => 2 * n + 1), 0, 2_998]
      const rows = ids.map((id, position) => ({ id, value: position }))

      const error = (await rejection(items.updateMany(rows))) as BulkWriteError

      const idsAt = (positions: readonly number[]): number[] =>
        positions.map((position) => ids[position] as number)
      expect(new Set(idsAt(error.failed))).toEqual(new Set(range(1_000, 2_000)))
      expect(new Set(idsAt(error.untried))).toEqual(new Set(range(2_000, 3_000)))
      expect(error.untried.at(-1)).toBe(3_001)
      const { rows: written } = await sql<{
        id: number
        value: number
      }>`select * from item where value <> 'x'`.execute(storage.db)
      expect(written.map(({ id }) => id)).toEqual(range(0, 1_000))
      expect(written[0]?.value).toBe(3_000)
    },
  },
  {
    name: 'C5 an atomic write that fails leaves nothing, and the error is that of SQLite',
    async run(context) {
      const { items, count } = await openItems(context)
      await items.insertMany([{ id: 2_500, value: 'there' }])

      const error = await rejection(items.insertMany(numbered(3_000), { atomic: true }))
      const small = await rejection(
        items.insertMany([
          { id: 1, value: 1 },
          { id: 2_500, value: 2.5 },
        ]),
      )

      expect([error, small].map((it) => it instanceof ConstraintError)).toEqual([true, true])
      expect(await count()).toBe(1)
    },
  },
  {
    name: 'C8 rows that refer to each other are written in their order, whatever columns they have',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await sql`create table node (id integer primary key, parent integer references node (id), note text)`.execute(
        db,
      )
      const nodes = storage.repository('node', { key: 'id' })
      const last = 2_499
      const tree = range(0, last + 1).map((id) => ({
        id,
        ...(id > 0 && { parent: id - 1 }),
        ...(id % 500 === 0 && { note: 'x' }),
      }))
      const total = async (): Promise<unknown> =>
        (
          await sql`select count(*) as nodes, count(parent) as children, count(note) as notes from node`.execute(
            db,
          )
        ).rows

      await nodes.insertMany(tree.slice(0, 600))
      const orphan = await rejection(
        nodes.insertMany([{ id: -2, note: 'x' }, { id: -3, parent: -9 }, { id: -4 }]),
      )
      expect(orphan).toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
      expect(await total()).toEqual([{ nodes: 600, children: 599, notes: 2 }])
      await nodes.upsertMany(tree, { atomic: true })
      expect(await total()).toEqual([{ nodes: 2_500, children: 2_499, notes: 5 }])
      await nodes.deleteMany(
        tree.map(({ id }) => last - id),
        { atomic: true },
      )
      expect(await total()).toEqual([{ nodes: 0, children: 0, notes: 0 }])
      expect((await nodes.insertMany(tree)).changes).toBe(2_500)
    },
  },
  {
    name: 'C3 lockTimeoutMs is the budget of the whole call, and a signal ends it between slices',
    async run(context) {
      const { items, count } = await openItems(context)
      const lock = await context.holdLock(1_000)
      const startedAt = performance.now()

      const timeout = await rejection(items.upsertMany(numbered(10), { lockTimeoutMs: 100 }))
      const sliced = (await rejection(
        items.upsertMany(numbered(2_000), { lockTimeoutMs: 100 }),
      )) as BulkWriteError
      const waitedMs = performance.now() - startedAt
      await lock.released
      const aborter = new AbortController()
      const aborted = rejection(items.upsertMany(numbered(20_000), { signal: aborter.signal }))
      while ((await count()) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      aborter.abort(new Error('enough'))
      const error = (await aborted) as BulkWriteError

      expect(timeout).toBeInstanceOf(LockTimeoutError)
      expect(sliced.cause).toBeInstanceOf(LockTimeoutError)
      // From the call on, although the rows were read first.
      expect((sliced.cause as LockTimeoutError).waitedMs).toBeGreaterThanOrEqual(100)
      expect(sliced).toMatchObject({ failed: range(0, 1_000), untried: range(1_000, 2_000), changes: 0 })
      expect(waitedMs).toBeGreaterThanOrEqual(200)
      expect(waitedMs).toBeLessThan(900)
      expect((error.cause as Error).message).toBe('enough')
      expect(await count()).toBe(20_000 - error.failed.length - error.untried.length)
    },
  },
  {
    name: 'C7 each slice enters the background lane anew, however old the call is',
    async run(context) {
      let aheadMs = 0
      const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
      const { items, storage } = await openItems(context, { clock })
      // What is loaded with the first transaction is there now: the one below begins while the rows are read.
      await storage.write(async () => {})
      const control = storage.with({ lane: 'control' })
      const order: string[] = []
      const bulk = items.insertMany(numbered(2_000)).then(() => order.push('bulk'))
      // The slices enter 3 s after the call: with the age of the call they would be more urgent than control.
      aheadMs = 3_000

      const single = await control.transaction().execute(async () => {
        while (storage.stats().queuedByLane.background === 0)
          await new Promise((resolve) => setTimeout(resolve, 0))
        return [
          control
            .insertInto('item')
            .values({ id: -1 })
            .execute()
            .then(() => order.push('control')),
        ]
      })
      await Promise.all([bulk, ...single])

      expect(order).toEqual(['control', 'bulk'])
    },
  },
  {
    name: 'C8 a bulk write stores every value as a single Kysely insert does',
    timeoutMs: 60_000,
    async run(context) {
      const { items, storage } = await openItems(context)
      const random = seededRandom(3)
      const values = [...awkwardValues, ...Array.from({ length: 600 }, () => randomValue(random))]
      const { db } = storage
      for (const [id, value] of values.entries()) await db.insertInto('item').values({ id, value }).execute()
      const expected = (await stored.execute(db)).rows
      const given = values.map((value, id) => ({ id, value }))

      for (const size of [values.length, 7, 1]) {
        await items.deleteMany(given.map(({ id }) => id))
        for (let start = 0; start < given.length; start += size) {
          const rows = given.slice(start, start + size)
          if (start % 2 === 0) await items.insertMany(rows, { atomic: size > 7 })
          else await items.upsertMany(rows)
        }
        expect((await stored.execute(db)).rows).toEqual(expected)
      }
      for (let start = 0; start < given.length; start += 5) {
        const rows = given.slice(start, start + 5)
        await items.updateMany(rows.map(({ id }) => ({ id, value: 'gone' })))
        await items.updateMany(rows)
      }

      expect((await stored.execute(db)).rows).toEqual(expected)
    },
  },
  {
    name: "C8 integerBinding 'driver' binds in bulk as it does one by one",
    async run(context) {
      const { items, storage } = await openItems(context, { integerBinding: 'driver' })
      const { db } = storage
      const values = [1, -0, 1.5, true, false, 5n, 2n ** 60n, 2 ** 53, new Date(7), 'a', null]
      for (const [id, value] of values.entries()) await db.insertInto('item').values({ id, value }).execute()
      const expected = (await stored.execute(db)).rows

      await items.deleteMany(values.map((_, id) => id))
      for (const [id, value] of values.entries()) await items.insertMany([{ id, value }])

      expect((await stored.execute(db)).rows).toEqual(expected)
    },
  },
  {
    name: 'C8 keys of every type find their rows as a Kysely condition does',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      const keys = [
        1,
        2 ** 53 - 1,
        2n ** 60n,
        1.5,
        1e300,
        'text',
        'é\u{1f600}',
        new Uint8Array([0, 255]),
        new Date(99),
      ]
      for (const type of ['text', 'integer', 'real', 'blob', '']) {
        await sql`create table k (id ${sql.raw(type)} not null unique, n integer)`.execute(db)
        const rows = storage.repository('k', { key: 'id' })
        for (const id of keys) await db.insertInto('k').values({ id, n: 0 }).execute()

        const updated = await rows.updateMany(keys.map((id) => ({ id, n: 1 })))
        const upserted = await rows.upsertMany(keys.map((id) => ({ id, n: 2 })))
        const left = await db
          .selectFrom('k')
          .select(sql<number>`count(*)`.as('n'))
          .where('n', '=', 2)
          .execute()
        const deleted = await rows.deleteMany(keys)

        expect([type, updated.changes, upserted.changes, left[0]?.n, deleted.changes]).toEqual([
          type,
          9,
          9,
          9,
          9,
        ])
        await sql`drop table k`.execute(db)
      }
    },
  },
  {
    name: 'C5 a bulk write keeps its place among the writes of its lane',
    async run(context) {
      const { items, storage } = await openItems(context)
      const background = storage.with({ lane: 'background' })

      await Promise.all([
        items.insertMany([{ id: 1, value: 'bulk' }]),
        background.updateTable('item').set({ value: 'single' }).where('id', '=', 1).execute(),
        items.updateMany([{ id: 1, value: 'bulk again' }]),
      ])

      expect((await stored.execute(storage.db)).rows[0].value).toBe('bulk again')
    },
  },
  {
    name: 'C5 rows of later slices are written, although the caller empties his array meanwhile',
    async run(context) {
      const { items, count } = await openItems(context)
      const given = numbered(2_001)

      const writing = items.insertMany(given)
      given.length = 0

      expect(await writing).toEqual({ changes: 2_001 })
      expect(await count()).toBe(2_001)
    },
  },
  {
    name: 'C3 lockTimeoutMs counts from the call, not from the slice',
    async run(context) {
      let aheadMs = 0
      const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
      const { items, storage } = await openItems(context, { clock })
      const failing = rejection(items.insertMany(numbered(2_000), { lockTimeoutMs: 20_000 }))
      // Less than the budgets that other timers were set for: those do not see this clock jump.
      aheadMs = 25_000

      const error = await storage.write(() => failing as Promise<BulkWriteError>, { lane: 'control' })

      expect(error).toMatchObject({ failed: range(0, 1_000), total: 2_000, changes: 0 })
      expect(error.cause).toBeInstanceOf(LockTimeoutError)
      expect((error.cause as LockTimeoutError).waitedMs).toBeGreaterThanOrEqual(20_000)
    },
  },
  {
    name: 'C7 the event loop turns after every slice',
    async run(context) {
      const { items, storage, lockCycles } = await openItems(context)
      const before = storage.stats().lockCycles
      const seen = new Set<number>()
      let isWriting = true
      const look = (): void => {
        seen.add(storage.stats().lockCycles - before)
        if (isWriting) setImmediate(look)
      }
      look()

      await items.insertMany(numbered(8_000))
      isWriting = false

      expect(lockCycles()).toBe(8)
      expect([...seen].filter((cycles) => cycles > 0 && cycles < 8)).toEqual([1, 2, 3, 4, 5, 6, 7])
    },
  },
  {
    name: 'C8 wide rows and later rows of a key are stored as they are, whatever way they take',
    async run(context) {
      const { items, storage } = await openItems(context)
      const columns = Array.from({ length: 150 }, (_, index) => `c${index}`)
      await sql`create table wide (id integer primary key, ${sql.raw(columns.join(', '))})`.execute(
        storage.db,
      )
      const row = Object.fromEntries(columns.map((column, index) => [column, index + 0.5]))

      await storage
        .repository('wide', { key: 'id' })
        .upsertMany(Array.from({ length: 300 }, (_, id) => ({ id, ...row })))
      await items.upsertMany([
        { id: 1, value: 'a' },
        { id: 1, value: new Uint8Array([1, 2]) },
      ])

      const wide = await storage.db.selectFrom('wide').selectAll().execute()
      expect(wide).toHaveLength(300)
      expect(wide[299]).toEqual({ id: 299, ...row })
      expect((await stored.execute(storage.db)).rows[0]).toMatchObject({ type: 'blob', bytes: '0102' })
    },
  },
  {
    name: 'C8 texts of any size go in one lock cycle a call, and rows count as they were when the call was made',
    timeoutMs: 60_000,
    async run(context) {
      const { items, storage, lockCycles } = await openItems(context)
      const sizes = [...Array.from({ length: 600 }, () => 60_000), 65_536, 65_537, 3_000_000]
      const given = sizes.map((size, id) => ({ id, value: `${id}"é`.padEnd(size, 'x') }))

      const writing = Promise.all([items.insertMany(given.slice(0, 600)), items.insertMany(given.slice(600))])
      for (const row of given) row.value = 'changed later'
      await writing
      const cycles = lockCycles()

      const rows = await storage.db
        .selectFrom('item')
        .select(['id', sql<number>`length(value)`.as('size')])
        .execute()
      expect(rows.map(({ size }) => size)).toEqual(sizes)
      expect(cycles).toBeLessThanOrEqual(2)
    },
  },
]

const awkwardValues: readonly unknown[] = [
  null,
  0,
  -0,
  1,
  -1,
  5.0,
  5.5,
  0.1,
  -1.5e-300,
  1e300,
  1e21,
  1e20,
  123456789012345680000,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53) + 1,
  -(2 ** 53),
  115957.30229349,
  0.4230154810821736,
  1.00493280653826e-10,
  5n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  true,
  false,
  new Date(0),
  new Date(1_700_000_000_123),
  new Date(-1),
  '',
  'text',
  '5',
  '5.0',
  '1e3',
  'null',
  '{"a":1}',
  '[1]',
  '"',
  '\\',
  '\n\r\t\b\f',
  '\u0001\u001f\u007f',
  '\u2028\u2029',
  'é',
  '日本',
  '\u{1f600}',
  '\ud800',
  'a\udc00b',
  '\ud800\ud800',
  '\ufeff',
  new Uint8Array(),
  new Uint8Array([0, 1, 255]),
  new Uint8Array([1, 2]).buffer,
]

function randomValue(random: () => number): unknown {
  const pick = Math.floor(random() * 8)
  const size = 10 ** Math.floor(random() * 30 - 10)
  switch (pick) {
    case 0:
      return random() * size
    case 1:
      return Math.round(random() * size)
    case 2:
      return Number((random() * size).toPrecision(1 + Math.floor(random() * 16)))
    case 3:
      return BigInt(Math.round(random() * 2 ** 62)) * (random() < 0.5 ? 1n : -1n)
    case 4:
      return String.fromCodePoint(...Array.from({ length: 5 }, () => 1 + Math.floor(random() * 0x10fffe)))
    case 5:
      return new Uint8Array([random() * 256, random() * 256])
    case 6:
      return Math.floor(random() * 1e6) / 100
    default:
      return -Math.floor(random() * 1e12)
  }
}

describeContract('Bulk writes', cases)
