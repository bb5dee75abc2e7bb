/**
 * storage.batch(): all or nothing, in one lock cycle, typed query by query (contract C6).
 *
 * @module
 */
import { CamelCasePlugin, CompiledQuery, type Generated, type QueryResult, sql } from 'kysely'
import {
  type BatchQuery,
  ConstraintError,
  InvalidStatementError,
  LockTimeoutError,
  OuterWriteError,
  type Storage,
  StorageClosedError,
  TransactionControlError,
  type WriteOptions,
} from 'unbusy'
import { expect, expectTypeOf } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { run } from './run-sql.ts'
import { expectCaller, openCounters, together, until } from './together.ts'

interface Notes {
  readonly note: { id: Generated<number>; text: string }
}

const raw = (text: string, ...parameters: unknown[]): CompiledQuery => CompiledQuery.raw(text, parameters)
const insert = (text: string): CompiledQuery => raw('insert into note (text) values (?)', text)

const cases: ContractCase[] = [
  {
    name: 'C6 results come in the order of the queries, typed one by one: INSERT, RETURNING, SELECT, UPDATE, DELETE',
    async run({ open }) {
      const storage = (await open()) as Storage<Notes>
      const { db } = storage
      await createNotes(db)

      const results = await storage.batch([
        db.insertInto('note').values([{ text: 'a' }, { text: 'b' }]),
        db.insertInto('note').values({ text: 'c' }).returning(['id', 'text']),
        db.selectFrom('note').select((eb) => eb.fn.countAll<number>().as('n')),
        db.updateTable('note').set({ text: 'B' }).where('text', '=', 'b'),
        db.deleteFrom('note').where('id', '<', 3).returning('text'),
        sql<{ left: number }>`select count(*) as left from note`.compile(db),
      ])

      const [inserted, returned, counted, , deleted, compiled] = results
      expectTypeOf(results).toExtend<readonly unknown[] & { readonly length: 6 }>()
      expectTypeOf(returned.rows).toEqualTypeOf<{ id: number; text: string }[]>()
      expectTypeOf(counted.rows).toEqualTypeOf<{ n: number }[]>()
      expectTypeOf(deleted.rows).toEqualTypeOf<{ text: string }[]>()
      expectTypeOf(compiled.rows).toEqualTypeOf<{ left: number }[]>()
      expectTypeOf(inserted.insertId).toEqualTypeOf<bigint | undefined>()
      expect(results).toEqual([
        { rows: [], numAffectedRows: 2n, insertId: 2n },
        { rows: [{ id: 3, text: 'c' }], numAffectedRows: 1n },
        { rows: [{ n: 3 }] },
        { rows: [], numAffectedRows: 1n },
        { rows: [{ text: 'a' }, { text: 'B' }], numAffectedRows: 2n },
        { rows: [{ left: 1 }] },
      ])
    },
  },
  {
    name: 'C6 a list of builders and compiled queries that is put together at run time has readable results',
    async run({ open }) {
      const storage = (await open()) as Storage<Notes>
      await createNotes(storage.db)
      const list: BatchQuery[] = ['a', 'b'].map((text) => storage.db.insertInto('note').values({ text }))
      list.push(storage.db.deleteFrom('note').where('text', '=', 'a').returning('text').compile())

      const results = await storage.batch(list)

      expectTypeOf(results).toEqualTypeOf<QueryResult<unknown>[]>()
      expect(results.map(({ rows }) => rows)).toEqual([[], [], [{ text: 'a' }]])
    },
  },
  {
    name: 'C6 an error in the middle leaves nothing, and is the error of that query',
    async run({ open, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'there')

      const error = await rejection(storage.batch([insert('a'), insert('there'), insert('b')]))
      const alone = await rejection(storage.batch([insert('there')]))

      for (const it of [error, alone])
        expect(it).toMatchObject({ name: 'ConstraintError', code: 'SQLITE_CONSTRAINT_UNIQUE' })
      await expectCaller('batch.test', async () => {
        await storage.batch([insert('a'), insert('there')])
      })
      expect(await peer('select text from note')).toEqual([{ text: 'there' }])
      await storage.batch([insert('a'), insert('b')])
      expect(await notes(storage.db)).toEqual(['there', 'a', 'b'])
    },
  },
  {
    name: 'C6 a batch of one statement leaves nothing either, as OR FAIL alone would',
    async run({ open }) {
      const storage = await open()
      await run(storage.db, 'create table t (a integer primary key)')

      const failed = storage.batch([raw('insert or fail into t values (1), (2), (1)')])
      expect(await rejection(failed)).toMatchObject({ name: 'ConstraintError' })
      expect(await storage.db.selectFrom('t').selectAll().execute()).toEqual([])

      const [inserted, ...others] = await storage.batch([raw('insert or fail into t values (1), (2)')])
      expect(inserted).toMatchObject({ numAffectedRows: 2n, insertId: 2n })
      expect(others).toEqual([])
    },
  },
  {
    name: 'C6 a batch of any size takes one lock cycle, a batch of none takes no lock',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const before = storage.stats().lockCycles
      const cycles = (): number => storage.stats().lockCycles - before

      await storage.batch(Array.from({ length: 2_000 }, (_, index) => insert(`${index}`)))
      expect(cycles()).toBe(1)
      await using _ = await holdLock(20_000)
      const nothing = await storage.batch([])

      expectTypeOf(nothing).toExtend<readonly unknown[]>()
      expect(nothing).toEqual([])
      expect(cycles()).toBe(1)
      expect((await notes(storage.db)).length).toBe(2_000)
    },
  },
  {
    name: 'C6 what cannot be part of a batch is refused before anything runs, and the message says why',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const refused = async (query: CompiledQuery): Promise<Error> =>
        rejection(storage.batch([insert('a'), query, insert('b')]))

      for (const text of ['begin', 'commit', 'rollback', 'savepoint s', 'release s']) {
        expect(await refused(raw(text))).toBeInstanceOf(TransactionControlError)
      }
      for (const text of ['pragma user_version', 'vacuum', "attach ':memory:' as other", 'detach other']) {
        const error = await refused(raw(text))
        expect(error).toBeInstanceOf(InvalidStatementError)
        expect(error.message).toMatch(/^Cannot run [A-Z]+ in a batch as it runs outside of transactions/)
      }
      for (const text of ['select last_insert_rowid()', 'select changes()']) {
        expect(await refused(raw(text))).toBeInstanceOf(InvalidStatementError)
      }
      expect(await refused(insert(undefined as unknown as string))).toBeInstanceOf(InvalidStatementError)
      expect(await refused(raw('insert into note (text) values (?)'))).toBeInstanceOf(InvalidStatementError)
      expect(await refused(raw('select 1; select 2'))).toBeInstanceOf(InvalidStatementError)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C5 C6 batches share a lock cycle with their neighbours, and one that fails takes none along',
    async run(context) {
      const { storage, add, counts } = await openCounters(context, {}, 'create table tally (n unique)')
      const tally =
        (...values: number[]) =>
        (): Promise<unknown> =>
          storage.batch(values.map((n) => raw('insert into tally values (?)', n)))

      const { settled, lockCycles } = await together(storage, [
        tally(1, 2),
        ...[0, 1, 2, 3, 4].map((id) => () => add(id)),
        tally(3, 1),
        ...[5, 6, 7, 8, 9].map((id) => () => add(id)),
        tally(3, 4),
      ])

      expect(lockCycles).toBe(1)
      expect(settled.map(({ status }) => status === 'rejected').indexOf(true)).toBe(6)
      expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(1)
      expect(await counts()).toEqual(Array(10).fill(1))
      expect(await context.peer('select n from tally order by n')).toEqual([1, 2, 3, 4].map((n) => ({ n })))
    },
  },
  {
    name: 'C6 a SELECT in a batch sees the statements before it; readers see nothing until the end',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'first')
      const count = raw('select count(*) as n from note')

      const results = await storage.batch([count, insert('second'), count, raw('delete from note'), count])

      expect([results[0], results[2], results[4]].map((it) => it?.rows)).toEqual([
        [{ n: 1 }],
        [{ n: 2 }],
        [{ n: 0 }],
      ])
    },
  },
  {
    name: 'C6 DDL in a batch is part of all or nothing',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      const ddl = raw('create table note (id integer primary key, text text unique)')

      await rejection(storage.batch([ddl, insert('a'), insert('a')]))
      expect(await rejection(notes(db))).toMatchObject({ code: 'SQLITE_ERROR' })
      await storage.batch([ddl, insert('a'), raw('create index note_text on note (text)')])

      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'C6 a temporary table made in a batch is seen by the reads that come after it, and hides one of its name',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db, 'lasting')
      expect(await notes(db)).toEqual(['lasting'])

      const [, , inside] = await storage.batch([
        raw('create temp table note (id integer primary key, text)'),
        insert('temporary'),
        db.selectFrom('note').select('text'),
      ])

      expect(inside.rows).toEqual([{ text: 'temporary' }])
      expect(await notes(db)).toEqual(['temporary'])
    },
  },
  {
    name: 'C3 C7 a batch waits by its own lane, lockTimeoutMs and signal',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      await using lock = await holdLock(20_000)
      const aborter = new AbortController()

      const hasty = rejection(storage.batch([insert('a')], { lockTimeoutMs: 50 }))
      const aborted = rejection(storage.batch([insert('b')], { signal: aborter.signal, lane: 'control' }))
      const patient = storage.batch([insert('c')], { lane: 'background' })
      await until(() => storage.stats().queuedWrites === 3)
      expect(storage.stats().queuedByLane).toEqual({ control: 1, normal: 1, background: 1 })
      aborter.abort(new Error('enough'))

      expect(await aborted).toMatchObject({ message: 'enough' })
      expect(await hasty).toBeInstanceOf(LockTimeoutError)
      await lock.release()
      await patient
      expect(await notes(storage.db)).toEqual(['c'])
    },
  },
  {
    name: 'C11 a batch that is awaited inside a transaction of its storage names the mistake, and does not hang',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const startedAt = performance.now()

      const error = await rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'inner')
          await storage.batch([insert('outer')])
        }),
      )

      expect(error).toBeInstanceOf(OuterWriteError)
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C6 results go through the plugins of the storage, as those of executeQuery do',
    async run({ open }) {
      const storage = await open({ plugins: [new CamelCasePlugin()] })
      const { db } = storage
      await run(db, 'create table seen_at (machine_id integer primary key, last_seen integer)')

      const [inserted, selected] = await storage.batch([
        db.insertInto('seenAt').values({ machineId: 1, lastSeen: 2 }).returningAll(),
        db.selectFrom('seenAt').selectAll(),
      ])

      expect(await db.selectFrom('seenAt').selectAll().execute()).toEqual([{ machineId: 1, lastSeen: 2 }])
      expect(inserted.rows).toEqual([{ machineId: 1, lastSeen: 2 }])
      expect(selected.rows).toEqual([{ machineId: 1, lastSeen: 2 }])
    },
  },
  {
    name: 'C16 a batch with an idempotency key is written, although its table was dropped since the last one',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const write = (text: string): Promise<unknown> =>
        storage.batch([storage.db.insertInto('note').values({ text })], { idempotencyKey: text })
      await write('a')
      await sql`drop table unbusy_ledger`.execute(storage.db)

      await Promise.all([write('b'), write('c')])
      await write('c')

      expect((await notes(storage.db)).sort()).toEqual(['a', 'b', 'c'])
    },
  },
  {
    name: 'C3 C16 the first batch with a key has a budget of its own, and one that gives up takes no other along',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      await using lock = await holdLock(20_000)
      const aborter = new AbortController()
      const write = (text: string, options: WriteOptions): Promise<unknown> =>
        storage.batch([insert(text)], { idempotencyKey: text, ...options })

      const aborted = rejection(write('a', { signal: aborter.signal }))
      const hasty = rejection(write('b', { lane: 'background', lockTimeoutMs: 50 }))
      const patient = [write('c', {}), write('d', { lane: 'background' })]
      await until(() => storage.stats().queuedWrites >= 4)
      aborter.abort(new Error('enough'))

      expect(await aborted).toMatchObject({ message: 'enough' })
      expect(await hasty).toBeInstanceOf(LockTimeoutError)
      await lock.release()
      await Promise.all(patient)
      expect((await notes(storage.db)).sort()).toEqual(['c', 'd'])
    },
  },
  {
    name: 'C16 a row that is refused is not taken for a key, whatever its table is called',
    async run({ open }) {
      const storage = await open()
      await run(storage.db, 'create table my_unbusy_ledger (id integer primary key, text unique)')
      const write = (key: string): Promise<unknown> =>
        storage.batch([raw("insert into my_unbusy_ledger (text) values ('a')")], { idempotencyKey: key })
      await write('first')

      expect(await rejection(write('second'))).toBeInstanceOf(ConstraintError)
      expect(
        await rejection(
          storage.batch([raw('insert into my_unbusy_ledger (id) values (1)')], { idempotencyKey: 'third' }),
        ),
      ).toBeInstanceOf(ConstraintError)
      await write('first')
    },
  },
  {
    name: 'C15 a batch after close() rejects with StorageClosedError',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      await storage.close()

      expect(await rejection(storage.batch([insert('late')]))).toBeInstanceOf(StorageClosedError)
    },
  },
]

describeContract('Batches', cases)
