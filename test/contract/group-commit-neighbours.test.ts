/**
 * Neighbours of other kinds in one queue (contract C5): what never comes to run, what changes the schema, what has the
 * writer for itself. Each case waits with ten counting writes, which must be there exactly once.
 *
 * @module
 */
import { CompiledQuery, sql } from 'kysely'
import { InvalidStatementError, LockTimeoutError, systemClock } from 'unbusy'
import { holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerCommand } from '../processes/peer.ts'
import { type CaseContext, type ContractCase, describeContract } from './case.ts'
import { run } from './run-sql.ts'
import { type Counters, openCounters, together } from './together.ts'

type Writes = readonly (() => Promise<unknown>)[]

interface Neighbours extends Counters {
  /** Five counting writes, the given ones, five counting writes; answers how the given ones settled. */
  amid(writes: Writes, whileHeld?: () => unknown): Promise<readonly PromiseSettledResult<unknown>[]>
  /** Checks that the ten are there once, for the caller and for a stranger, and that the storage goes on. */
  assertTen(): Promise<void>
}

async function openNeighbours(
  context: CaseContext,
  options?: Parameters<CaseContext['open']>[0],
  ...setup: readonly string[]
): Promise<Neighbours> {
  const counters = await openCounters(context, options, ...setup)
  const { storage, add, counts } = counters
  return {
    ...counters,
    async amid(writes, whileHeld) {
      const { settled } = await together(
        storage,
        [
          ...[0, 1, 2, 3, 4].map((id) => () => add(id)),
          ...writes,
          ...[5, 6, 7, 8, 9].map((id) => () => add(id)),
        ],
        whileHeld,
      )
      const neighbours = [...settled.slice(0, 5), ...settled.slice(-5)]
      expect(neighbours.filter(({ status }) => status === 'rejected')).toEqual([])
      return settled.slice(5, -5)
    },
    async assertTen() {
      expect(await counts()).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
      expect(await context.peer('select sum(n) as n from counter where id < 10')).toEqual([{ n: 10 }])
      await add(0)
      expect((await counts())[0]).toBe(2)
      expect(storage.stats().queuedWrites).toBe(0)
    },
  }
}

const rejected = (reason: unknown): object => ({ status: 'rejected', reason })
const fulfilled = { status: 'fulfilled' }

const parent = 'create table parent (id integer primary key)'
const child = (table: string): string =>
  `create table ${table} (parent integer references parent (id) deferrable initially deferred)`
const insertChild = 'insert into child values (1)'
const insertParent = 'insert into parent values (1)'

const cases: ContractCase[] = [
  {
    name: 'C5 a deferred foreign key: the culprit rejects, although its neighbour would satisfy it',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, {}, parent, child('child'))

      const settled = await amid([() => run(storage.db, insertChild), () => run(storage.db, insertParent)])

      expect(settled).toMatchObject([
        rejected({ name: 'ConstraintError', code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }),
        fulfilled,
      ])
      expect(await context.peer('select count(*) as n from child')).toEqual([{ n: 0 }])
      await assertTen()
    },
  },
  {
    name: 'C5 a deferred foreign key in the temp schema counts like one in the main schema',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(
        context,
        {},
        'create temp table parent (id integer primary key)',
        'create temp table child (parent integer references parent (id) deferrable initially deferred)',
      )

      const settled = await amid([() => run(storage.db, insertChild), () => run(storage.db, insertParent)])

      expect(settled).toMatchObject([rejected({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }), fulfilled])
      await assertTen()
    },
  },
  {
    name: 'C5 a deferred foreign key in an attached database counts like one in the main schema',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(
        context,
        {},
        `attach '${context.path}-other' as other`,
        'create table other.parent (id integer primary key)',
        'create table other.child (parent integer references parent (id) deferrable initially deferred)',
      )

      const settled = await amid([
        () => run(storage.db, 'insert into other.child values (1)'),
        () => run(storage.db, 'insert into other.parent values (1)'),
      ])

      expect(settled).toMatchObject([rejected({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }), fulfilled])
      await assertTen()
    },
  },
  {
    name: 'C5 a deferred foreign key that comes with a CREATE TABLE in the queue binds those behind it',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, {}, parent)

      const settled = await amid([
        () => run(storage.db, child('child')),
        () => run(storage.db, insertChild),
        () => run(storage.db, insertParent),
        () => run(storage.db, insertChild),
      ])

      expect(settled).toMatchObject([
        fulfilled,
        rejected({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }),
        fulfilled,
        fulfilled,
      ])
      await assertTen()
    },
  },
  {
    name: 'C5 a deferred foreign key that comes with an ALTER TABLE in a batch binds those behind it',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, {}, parent, 'create table child (a)')
      const addKey =
        'alter table child add column parent integer references parent (id) deferrable initially deferred'

      const settled = await amid([
        () => storage.batch([CompiledQuery.raw('delete from child'), CompiledQuery.raw(addKey)]),
        () => run(storage.db, 'insert into child (parent) values (1)'),
        () => run(storage.db, insertParent),
      ])

      expect(settled).toMatchObject([
        fulfilled,
        rejected({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }),
        fulfilled,
      ])
      await assertTen()
    },
  },
  {
    name: 'C5 a deferred foreign key that another process adds binds the next group',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, {}, parent)
      await together(storage, [() => run(storage.db, 'insert into parent values (7)')])
      await context.peer(child('child'))

      const settled = await amid([() => run(storage.db, insertChild), () => run(storage.db, insertParent)])

      expect(settled).toMatchObject([rejected({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }), fulfilled])
      await assertTen()
    },
  },
  {
    name: 'C5 a unit whose signal aborts in the queue rejects with its reason, and never runs',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context)
      const aborter = new AbortController()
      const enough = new Error('enough')
      const { signal } = aborter

      const settled = await amid(
        [
          () => storage.with({ signal }).insertInto('counter').values({ id: 10, n: 1 }).execute(),
          () => storage.batch([CompiledQuery.raw('insert into counter values (11, 1)')], { signal }),
          () =>
            storage.write((trx) => trx.insertInto('counter').values({ id: 12, n: 1 }).execute(), { signal }),
        ],
        () => aborter.abort(enough),
      )

      expect(settled).toMatchObject([rejected(enough), rejected(enough), rejected(enough)])
      expect(await context.peer('select count(*) as n from counter')).toEqual([{ n: 10 }])
      await assertTen()
    },
  },
  {
    name: 'C5 a unit whose lockTimeoutMs is over rejects, while its neighbours wait on',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, { clock: systemClock })
      const hasty = storage.with({ lockTimeoutMs: 30 })
      let ended = 0
      const insert = (id: number) => (): Promise<unknown> =>
        hasty
          .insertInto('counter')
          .values({ id, n: 1 })
          .execute()
          .finally(() => {
            ended++
          })

      const settled = await amid([insert(10), insert(11)], async () => {
        while (ended < 2) await new Promise((resolve) => setTimeout(resolve, 1))
      })

      for (const it of settled) {
        expect(it).toMatchObject(rejected({ name: 'LockTimeoutError', nothingRan: true }))
        expect((it as { reason: LockTimeoutError }).reason).toBeInstanceOf(LockTimeoutError)
        expect((it as { reason: LockTimeoutError }).reason.waitedMs).toBeGreaterThanOrEqual(30)
      }
      expect(await context.peer('select count(*) as n from counter')).toEqual([{ n: 10 }])
      await assertTen()
    },
  },
  {
    name: 'C8 strict integers: a write whose RETURNING cannot be read rejects, and is not stored',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(
        context,
        { integers: 'strict' },
        'create table big (n)',
      )
      const big = 'insert into big values (9007199254740993) returning n'

      const settled = await amid([
        () => run(storage.db, big),
        () => storage.batch([CompiledQuery.raw('insert into big values (1)'), CompiledQuery.raw(big)]),
        () => run(storage.db, 'insert into big values (2) returning n'),
      ])

      const outOfRange = rejected({ name: 'RangeError' })
      expect(settled).toMatchObject([outOfRange, outOfRange, fulfilled])
      expect(await context.peer('select n from big')).toEqual([{ n: 2 }])
      await assertTen()
    },
  },
  {
    name: 'C8 a write whose parameter cannot be bound rejects before it waits',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context)
      const { db } = storage
      const bad = [undefined, Number.NaN, { an: 'object' }, [1], Symbol('s'), 'nul \0', 2n ** 70n]

      const settled = await amid(
        bad.map((n) => () => sql`insert into counter values (99, ${n})`.execute(db) as Promise<unknown>),
      )

      expect(settled).toHaveLength(bad.length)
      for (const it of settled)
        expect((it as PromiseRejectedResult).reason).toBeInstanceOf(InvalidStatementError)
      expect(await context.peer('select count(*) as n from counter')).toEqual([{ n: 10 }])
      await assertTen()
    },
  },
  {
    name: 'C5 DDL among writes: those behind it see the table, the column and the trigger',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context)
      const { db } = storage

      const settled = await amid([
        () => run(db, 'insert into late values (0)'),
        () => run(db, 'create table late (n)'),
        () => run(db, 'insert into late values (1)'),
        () => run(db, 'alter table late add column m'),
        () => run(db, 'insert into late (n, m) values (2, 2)'),
        () => run(db, 'create trigger later after insert on late begin update late set m = 7; end'),
        () => run(db, 'insert into late (n, m) values (3, 3)'),
        () => run(db, 'create index late_n on late (n)'),
        () => run(db, 'drop trigger later'),
        () => run(db, 'insert into late (n, m) values (4, 4)'),
      ])

      expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([false, ...Array(9).fill(true)])
      expect(settled[0]).toMatchObject(rejected({ code: 'SQLITE_ERROR' }))
      expect(await context.peer('select n, m from late order by n')).toEqual([
        { n: 1, m: 7 },
        { n: 2, m: 7 },
        { n: 3, m: 7 },
        { n: 4, m: 4 },
      ])
      await assertTen()
    },
  },
  {
    name: 'C4 C5 transactions, connections, pragmas and VACUUM among writes: each in its turn, once',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(context, {}, 'create table log (text)')
      const { db } = storage
      let calls = 0
      const log = async (handle: typeof db, text: string): Promise<void> => {
        calls++
        await handle.insertInto('log').values({ text }).execute()
      }

      const settled = await amid([
        () => log(db, 'before'),
        () => storage.write((trx) => log(trx, 'write')),
        () => log(db, 'between'),
        () => db.transaction().execute((trx) => log(trx, 'transaction')),
        () =>
          db.connection().execute(async (own) => {
            await run(own, 'begin')
            await log(own, 'connection')
            await run(own, 'commit')
          }),
        () => run(db, 'vacuum'),
        () => run(db, 'pragma user_version = 7'),
        () => storage.batch([CompiledQuery.raw("insert into log values ('batch')")]),
        () =>
          storage.write(async (trx) => {
            await log(trx, 'undone')
            throw new Error('on purpose')
          }),
        () => log(db, 'after'),
      ])

      expect(settled.map(({ status }) => status === 'rejected')).toEqual([
        ...Array(8).fill(false),
        true,
        false,
      ])
      expect(calls).toBe(7)
      expect(await context.peer('select text from log order by rowid')).toEqual(
        ['before', 'write', 'between', 'transaction', 'connection', 'batch', 'after'].map((text) => ({
          text,
        })),
      )
      await assertTen()
    },
  },
  {
    name: 'C5 several culprits of every kind at once: each neighbour is there once, each culprit never',
    async run(context) {
      const { storage, amid, assertTen } = await openNeighbours(
        context,
        {},
        'create table tally (n unique)',
        "create trigger no before insert on tally when new.n = 13 begin select raise(rollback, 'unlucky'); end",
      )
      const insert = (n: number) => () => run(storage.db, `insert into tally values (${n})`)

      const settled = await amid([
        insert(1),
        insert(13),
        insert(1),
        insert(2),
        insert(13),
        insert(13),
        insert(3),
      ])

      expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([
        true,
        false,
        false,
        true,
        false,
        false,
        true,
      ])
      expect(await context.peer('select n from tally order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
      await assertTen()
    },
  },
  {
    name: 'C5 C7 a write that fails at once is not mistaken for a more urgent one that comes meanwhile, and runs once',
    async run(context) {
      const { storage, counts, add } = await openCounters(context, {}, 'create table tally (n unique)')
      const background = storage.with({ lane: 'background' })
      const control = storage.with({ lane: 'control' })
      // OR FAIL leaves a row behind each time it runs.
      const fail = sql`insert or fail into tally values (1), (1)`.execute(background)
      const writes = [fail, add(0, control), add(1, control), add(2)]

      const settled = await Promise.allSettled(writes)

      expect(settled).toMatchObject([
        rejected({ code: 'SQLITE_CONSTRAINT_UNIQUE', message: expect.stringContaining('tally') }),
        fulfilled,
        fulfilled,
        fulfilled,
      ])
      expect(await counts()).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    },
  },
  {
    name: 'C3 C5 a COMMIT that readers hold up costs all of a group one budget, not one after the other',
    async run(context) {
      const { add, counts } = await openCounters(context, {
        pragmas: { journal_mode: 'delete' },
        lockTimeoutMs: 400,
        clock: systemClock,
      })
      await using lock = await holdLock(context.path, 20_000, { command: peerCommand(), begin: 'deferred' })
      const startedAt = performance.now()

      const settled = await Promise.allSettled([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => add(id)))

      // Budget for the turn, and once more for the COMMIT; one after the other would be 4 s and more.
      expect(performance.now() - startedAt).toBeLessThan(2_500)
      for (const it of settled)
        expect(it).toMatchObject(rejected({ name: 'LockTimeoutError', nothingRan: true }))
      await lock.release()
      expect(await counts()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
      await add(0)
      expect((await counts())[0]).toBe(1)
    },
  },
]

describeContract('Group commit with neighbours', cases)
