/**
 * What D1 promises beside the common contract, and the common contract where its own cases need a transaction to show it.
 *
 * @module
 */
import { CompiledQuery, Kysely, sql } from 'kysely'
import {
  ConstraintError,
  InvalidStatementError,
  OutcomeUnknownError,
  openStorage,
  type Storage,
  UnbusyDialect,
  UnsupportedError,
} from 'unbusy'
import { type D1DatabaseLike, d1 } from 'unbusy/d1'
import { expect } from 'vitest'
import { createNotes, notes, rejection } from '../contract/note.ts'
import { run } from '../contract/run-sql.ts'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { databaseOfCase } from './d1-place.ts'

const insert = (text: string): CompiledQuery =>
  CompiledQuery.raw('insert into note (text) values (?)', [text])

/** What the requests of a storage come to; `onBatch` runs around each that writes. */
async function openObserved(
  onBatch: (send: () => Promise<unknown[]>, statements: readonly unknown[]) => Promise<unknown[]>,
  requestTimeoutMs = 30_000,
): Promise<Storage<AnyDatabase>> {
  const database = databaseOfCase()
  const observed: D1DatabaseLike = {
    prepare: (text) => database.prepare(text),
    batch: (statements) => onBatch(() => database.batch(statements), statements),
  }
  return openStorage<AnyDatabase>({ connector: d1({ database: observed, requestTimeoutMs }) })
}

const cases: ContractCase[] = [
  {
    name: 'C5 writes that are made in one turn go in one request, and one that fails rejects alone',
    async run() {
      const sizes: number[] = []
      await using storage = await openObserved((send, statements) => {
        sizes.push(statements.length)
        return send()
      })
      await createNotes(storage.db, 'there')
      sizes.length = 0
      const add = (text: string): Promise<unknown> => storage.db.executeQuery(insert(text))

      await Promise.all(Array.from({ length: 20 }, (_, n) => add(`${n}`)))
      // The first of an idle storage may go alone; where several go together, a look at the schema is before them.
      expect(sizes.length).toBeLessThanOrEqual(2)
      expect(sizes.at(-1)).toBeGreaterThanOrEqual(20)
      const settled = await Promise.allSettled(['a', 'there', 'b'].map(add))

      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((settled[1] as PromiseRejectedResult).reason).toBeInstanceOf(ConstraintError)
      expect((await notes(storage.db)).slice(-2)).toEqual(['a', 'b'])
    },
  },
  {
    name: 'C5 a deferred foreign key that one write violates is not satisfied by its neighbour',
    async run({ open }) {
      const { db } = await open()
      await run(db, 'create table p (id integer primary key)')
      await run(db, 'create table c (p references p(id) deferrable initially deferred)')
      const settled = await Promise.allSettled(
        ['insert into c values (1)', 'insert into p values (1)'].map((text) => run(db, text)),
      )

      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
      expect(await db.selectFrom('c').selectAll().execute()).toEqual([])
    },
  },
  {
    name: 'C6 a batch is atomic: none of it is stored when one fails, and a result for each when none does',
    async run({ open, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'there')

      const error = await rejection(storage.batch([insert('a'), insert('there'), insert('b')]))
      const results = await storage.batch([
        storage.db.insertInto('note').values({ text: 'c' }).returning('text'),
        storage.db.deleteFrom('note').where('text', '=', 'there'),
      ])

      expect(error).toMatchObject({ name: 'ConstraintError', code: 'SQLITE_CONSTRAINT_UNIQUE' })
      expect(error.message).not.toContain('there')
      expect(results).toEqual([
        { rows: [{ text: 'c' }], numAffectedRows: 1n },
        { rows: [], numAffectedRows: 1n },
      ])
      expect(await peer('select text from note')).toEqual([{ text: 'c' }])
    },
  },
  {
    name: 'C2 transactions are UnsupportedErrors that name batch(), and nothing of them is stored',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db)
      const add = (): Promise<unknown> => db.executeQuery(insert('inside'))

      for (const refused of [
        db.transaction().execute(add),
        db.transaction().setAccessMode('read only').execute(add),
        db.startTransaction().execute(),
        storage.write(add),
        db.connection().execute(async (one) => run(one, 'begin')),
      ]) {
        const error = await rejection(refused)
        expect(error).toBeInstanceOf(UnsupportedError)
        expect(error.message).toContain('storage.batch()')
      }
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'C8 blobs come back as Uint8Array, from a batch too, and integers of INTEGER columns as numbers',
    async run({ open }) {
      const storage = await open()
      await run(storage.db, 'create table v (i integer, t text, b blob)')
      const given = { i: 2 ** 53 - 1, t: 'ü', b: new Uint8Array([9, 1, 2, 9]).subarray(1, 3) }
      const stored = { ...given, b: new Uint8Array([1, 2]) }

      const [inserted] = await storage.batch([storage.db.insertInto('v').values(given).returningAll()])
      const [read] = await storage.db
        .selectFrom('v')
        .selectAll()
        .select(sql<string>`typeof(i)`.as('type'))
        .execute()

      expect(inserted.rows).toStrictEqual([stored])
      expect(read).toStrictEqual({ ...stored, type: 'integer' })
    },
  },
  {
    name: 'C8 a bigint beyond 2^53 is refused, alone and with neighbours, which are stored',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const settled = await Promise.allSettled(
        [1n, 2n ** 53n, 3n].map((id) => storage.db.insertInto('note').values({ id }).execute()),
      )

      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((settled[1] as PromiseRejectedResult).reason).toBeInstanceOf(InvalidStatementError)
      expect(await rejection(open({ integers: 'bigint' }))).toBeInstanceOf(UnsupportedError)
    },
  },
  {
    name: 'C5 bulk statements keep to 100 parameters and 2 MB, whatever the rows are',
    async run({ open }) {
      const storage = await open()
      await run(storage.db, 'create table r (id integer primary key, x real, b blob, t text)')
      const rows = storage.repository('r', { key: 'id' })
      const of = (count: number, row: (n: number) => object): { id: number }[] =>
        Array.from({ length: count }, (_, n) => ({ id: n, ...row(n) }))

      // A full slice of few columns, cells that JSON does not carry, and more text than one value can be.
      expect(await rows.upsertMany(of(1_000, (n) => ({ t: `${n}` })))).toEqual({ changes: 1_000 })
      expect(await rows.upsertMany(of(300, (n) => ({ x: n + 0.5, b: new Uint8Array([n]) })))).toEqual({
        changes: 300,
      })
      const long = 'é'.repeat(20_000)
      expect(await rows.updateMany(of(200, () => ({ t: long })))).toEqual({ changes: 200 })
      const conditional = rows.updateMany(
        of(300, () => ({ x: 0.25 })),
        {
          where: () => sql<boolean>`r.x in (${sql.join(Array.from({ length: 90 }, (_, n) => n + 0.5))})`,
        },
      )
      expect(await conditional).toEqual({ changes: 90 })
      const [sums] = await storage.db
        .selectFrom('r')
        .select((eb) => [eb.fn.countAll<number>().as('n'), sql<number>`sum(length(t) = 20000)`.as('long')])
        .execute()
      expect(sums).toEqual({ n: 1_000, long: 200 })
    },
  },
  {
    name: 'introspection passes over the tables of D1, for storage.db and for a Kysely over UnbusyDialect',
    async run({ open, peer }) {
      const storage = await open()
      await createNotes(storage.db)
      await run(storage.db, 'create view v as select id from note')
      const plain = new Kysely<AnyDatabase>({
        dialect: new UnbusyDialect({ connector: d1({ database: databaseOfCase() }) }),
      })

      expect(await peer(`select name from sqlite_master where substr(name, 1, 4) = '_cf_'`)).not.toEqual([])
      for (const db of [storage.db, plain]) {
        const tables = await db.introspection.getTables()
        expect(tables.map(({ name, isView }) => [name, isView])).toEqual([
          ['note', false],
          ['v', true],
        ])
        expect(tables[0]?.columns.map(({ name, isAutoIncrementing }) => [name, isAutoIncrementing])).toEqual([
          ['id', true],
          ['text', false],
        ])
      }
      await plain.destroy()
    },
  },
  {
    name: 'C9 an answer that says itself that it is a failure is none of a write that is stored',
    async run() {
      const failures = ['D1_ERROR: UNIQUE constraint failed: note.text: SQLITE_CONSTRAINT', undefined]
      const storage = await openObserved(async (send, statements) => {
        if (statements.length > 1) return send()
        const error = failures.shift()
        return [{ success: false, results: [], meta: {}, ...(error !== undefined && { error }) }]
      })
      const write = () => storage.db.executeQuery(insert('a'))

      await expect(write()).rejects.toBeInstanceOf(ConstraintError)
      await expect(write()).rejects.toBeInstanceOf(OutcomeUnknownError)

      await storage.close()
    },
  },
  {
    name: 'C16 a write whose answer is lost is an OutcomeUnknownError, and is sent once',
    async run() {
      let sent = 0
      await using storage = await openObserved(async (send) => {
        const answer = await send()
        sent++
        if (sent > 1) throw new Error('D1_ERROR: Network connection lost.')
        return answer
      })
      await run(storage.db, 'create table note (id integer primary key, text text unique)')

      const error = await rejection(storage.db.executeQuery(insert('a')))

      expect(error).toBeInstanceOf(OutcomeUnknownError)
      expect(sent).toBe(2)
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
  {
    name: 'C16 a batch with an idempotencyKey whose answer is lost is applied once, and resolves',
    async run({ peer }) {
      let isLosing = false
      let lost = 0
      await using storage = await openObserved(async (send) => {
        const answer = await send()
        if (!isLosing || lost === 3) return answer
        lost++
        throw new Error('D1_ERROR: Network connection lost.')
      })
      await run(storage.db, 'create table tally (n integer)')
      isLosing = true

      await storage.batch([CompiledQuery.raw('insert into tally values (1)')], { idempotencyKey: 'k' })

      expect(lost).toBe(3)
      expect(await peer('select n from tally')).toEqual([{ n: 1 }])
    },
  },
  {
    name: 'C16 a write that D1 does not answer in time is an OutcomeUnknownError, and keeps nothing back',
    async run() {
      let isStalled = false
      await using storage = await openObserved((send) => (isStalled ? new Promise(() => {}) : send()), 500)
      await createNotes(storage.db)
      isStalled = true

      const error = await rejection(storage.db.executeQuery(insert('a')))
      isStalled = false
      await storage.db.executeQuery(insert('b'))

      expect(error).toBeInstanceOf(OutcomeUnknownError)
      expect(String((error as OutcomeUnknownError).cause)).toContain('D1 did not answer within 500 ms')
      expect(await notes(storage.db)).toEqual(['b'])
    },
  },
  {
    name: 'C3 a read that D1 does not answer in time is sent again',
    async run() {
      const database = databaseOfCase()
      let stalled = 0
      const isToStall = (): boolean => stalled++ < 2
      const observed: D1DatabaseLike = {
        prepare(text) {
          const prepared = database.prepare(text)
          if (!text.includes('note') || !text.startsWith('select')) return prepared
          return { bind: () => prepared, all: () => (isToStall() ? new Promise(() => {}) : prepared.all()) }
        },
        batch: (statements) => database.batch(statements),
      }
      await using storage = await openStorage<AnyDatabase>({
        connector: d1({ database: observed, requestTimeoutMs: 500 }),
      })
      await createNotes(storage.db, 'there')

      expect(await notes(storage.db)).toEqual(['there'])
      expect(stalled).toBe(3)
    },
  },
  {
    name: 'C3 a database that is overloaded is waited for',
    async run() {
      let refusals = 0
      await using storage = await openObserved(async (send) => {
        if (refusals++ < 3) throw new Error('D1_ERROR: D1 DB is overloaded. Requests queued for too long.')
        return send()
      })
      await createNotes(storage.db, 'patient')

      expect(refusals).toBeGreaterThan(3)
      expect(await notes(storage.db)).toEqual(['patient'])
    },
  },
]

describeContract('D1', cases)
