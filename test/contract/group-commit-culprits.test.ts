/**
 * One write of a group fails, in every way there is, and ten neighbours wait with it (contract C5): the culprit alone
 * rejects, with the error that it meets alone, and each neighbour is there exactly once.
 *
 * @module
 */
import { CompiledQuery, sql } from 'kysely'
import type { Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { run } from './run-sql.ts'
import { openCounters, together } from './together.ts'

interface Culprit {
  readonly name: string
  readonly setup: readonly string[]
  /** What fails, as one statement, or whatever else it is. */
  readonly write: string | ((storage: Storage<AnyDatabase>) => Promise<unknown>)
  readonly error: Readonly<Record<string, unknown>>
  /** Units of the largest group: 11 when the culprit does not end the transaction. */
  readonly largestGroup: number
  /** Must answer 0 at the end: what the culprit would have left, beyond what SQLite says it leaves. */
  readonly leftover?: string
}

const constraint = (code: string): Readonly<Record<string, unknown>> => ({
  name: 'ConstraintError',
  resultCode: 19,
  code,
})

const tally = 'create table tally (id integer primary key, n integer unique check (n < 100))'
const rollbackTrigger =
  "create trigger no before insert on tally when new.n = 13 begin select raise(rollback, 'unlucky'); end"
const failTrigger =
  "create trigger no before insert on tally when new.n = 13 begin select raise(fail, 'unlucky'); end"
const abortTrigger =
  "create trigger no before insert on tally when new.n = 13 begin select raise(abort, 'unlucky'); end"
const tallies = 'select count(*) as n from tally'

const culprits: readonly Culprit[] = [
  {
    name: 'a key that is taken',
    setup: [],
    write: 'insert into counter (id, n) values (3, 99)',
    error: constraint('SQLITE_CONSTRAINT_PRIMARYKEY'),
    largestGroup: 11,
  },
  {
    name: 'a CHECK, after rows of the same statement went in',
    setup: [tally],
    write: 'insert into tally (n) values (1), (2), (100)',
    error: constraint('SQLITE_CONSTRAINT_CHECK'),
    largestGroup: 11,
    leftover: tallies,
  },
  {
    name: 'a table that does not exist',
    setup: [],
    write: 'insert into nowhere (n) values (1)',
    error: { name: 'SqliteError', code: 'SQLITE_ERROR' },
    largestGroup: 11,
  },
  {
    name: 'RAISE(ABORT)',
    setup: [tally, abortTrigger],
    write: 'insert into tally (n) values (1), (13)',
    error: constraint('SQLITE_CONSTRAINT_TRIGGER'),
    largestGroup: 11,
    leftover: tallies,
  },
  {
    name: 'RAISE(ROLLBACK)',
    setup: [tally, rollbackTrigger],
    write: 'insert into tally (n) values (1), (13)',
    error: constraint('SQLITE_CONSTRAINT_TRIGGER'),
    largestGroup: 6,
    leftover: tallies,
  },
  {
    name: 'RAISE(FAIL) behind rows that went in',
    setup: [tally, failTrigger],
    write: 'insert into tally (n) values (1), (2), (13)',
    error: constraint('SQLITE_CONSTRAINT_TRIGGER'),
    largestGroup: 11,
    leftover: 'select count(*) - 2 as n from tally',
  },
  {
    name: 'INSERT OR FAIL behind rows that went in',
    setup: [tally],
    write: 'insert or fail into tally (n) values (1), (2), (1)',
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 11,
    leftover: 'select count(*) - 2 as n from tally',
  },
  {
    name: 'INSERT OR ROLLBACK',
    setup: [],
    write: 'insert or rollback into counter (id, n) values (20, 1), (3, 99)',
    error: constraint('SQLITE_CONSTRAINT_PRIMARYKEY'),
    largestGroup: 6,
    leftover: 'select count(*) as n from counter where id > 9',
  },
  {
    name: 'UPDATE OR ROLLBACK',
    setup: [tally, 'insert into tally (id, n) values (1, 1), (2, 2)'],
    write: 'update or rollback tally set n = 2 where id = 1',
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 6,
    leftover: 'select count(*) as n from tally where n <> id',
  },
  {
    name: 'a column that is UNIQUE ON CONFLICT ROLLBACK',
    setup: ['create table tally (n unique on conflict rollback)', 'insert into tally values (1)'],
    write: 'insert into tally values (2), (1)',
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 6,
    leftover: 'select count(*) - 1 as n from tally',
  },
  {
    name: 'a column that is NOT NULL ON CONFLICT FAIL',
    setup: ['create table tally (n not null on conflict fail)'],
    write: 'insert into tally values (1), (null)',
    error: constraint('SQLITE_CONSTRAINT_NOTNULL'),
    largestGroup: 11,
    leftover: 'select count(*) - 1 as n from tally',
  },
  {
    name: 'an immediate foreign key',
    setup: ['create table child (parent integer references counter (id))'],
    write: 'insert into child values (3), (77)',
    error: constraint('SQLITE_CONSTRAINT_FOREIGNKEY'),
    largestGroup: 11,
    leftover: 'select count(*) as n from child',
  },
  {
    name: 'a disk that is full',
    setup: ['create table big (bytes)', 'pragma max_page_count = 60'],
    write: 'insert into big values (zeroblob(1000000))',
    error: { name: 'DatabaseFullError', code: 'SQLITE_FULL', resultCode: 13 },
    largestGroup: 6,
    leftover: 'select count(*) as n from big',
  },
  {
    name: 'a CREATE TABLE of what is there',
    setup: [],
    write: 'create table counter (id)',
    error: { name: 'SqliteError', code: 'SQLITE_ERROR' },
    largestGroup: 6,
  },
  {
    name: 'a batch',
    setup: [tally],
    write: (storage) =>
      storage.batch([
        CompiledQuery.raw('insert into tally (n) values (1)'),
        CompiledQuery.raw('insert into tally (n) values (1)'),
      ]),
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 11,
    leftover: tallies,
  },
  {
    name: 'RAISE(ROLLBACK) in a batch',
    setup: [tally, rollbackTrigger],
    write: (storage) =>
      storage.batch([
        CompiledQuery.raw('insert into tally (n) values (1)'),
        CompiledQuery.raw('insert into tally (n) values (13)'),
      ]),
    error: constraint('SQLITE_CONSTRAINT_TRIGGER'),
    largestGroup: 6,
    leftover: tallies,
  },
  {
    name: 'INSERT OR FAIL in a batch',
    setup: [tally],
    write: (storage) =>
      storage.batch([
        CompiledQuery.raw('insert into tally (n) values (5)'),
        CompiledQuery.raw('insert or fail into tally (n) values (1), (1)'),
      ]),
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 11,
    leftover: tallies,
  },
  {
    name: 'a transaction',
    setup: [tally],
    write: (storage) =>
      storage.write(async (trx) => {
        await run(trx, 'insert into tally (n) values (1)', 'insert into tally (n) values (1)')
      }),
    error: constraint('SQLITE_CONSTRAINT_UNIQUE'),
    largestGroup: 5,
    leftover: tallies,
  },
  {
    name: 'RAISE(ROLLBACK) on a connection()',
    setup: [tally, rollbackTrigger],
    write: ({ db }) =>
      db.connection().execute(async (own) => {
        await run(own, 'begin', 'insert into tally (n) values (1)', 'insert into tally (n) values (13)')
      }),
    error: constraint('SQLITE_CONSTRAINT_TRIGGER'),
    largestGroup: 5,
    leftover: tallies,
  },
]

const cases = culprits.map(
  ({ name, setup, write, error, largestGroup, leftover }): ContractCase => ({
    name: `C5 ${name}: it rejects alone, and ten neighbours commit once`,
    async run(context) {
      const { storage, add, counts } = await openCounters(context, {}, ...setup)
      const largestBefore = storage.stats().largestGroup
      const fail = (): Promise<unknown> =>
        typeof write === 'function' ? write(storage) : storage.db.executeQuery(CompiledQuery.raw(write))

      const { settled } = await together(storage, [
        ...[0, 1, 2, 3, 4].map((id) => () => add(id)),
        fail,
        ...[5, 6, 7, 8, 9].map((id) => () => add(id)),
      ])

      expect(largestBefore).toBe(1)
      expect(storage.stats().largestGroup).toBe(largestGroup)
      const rejected = settled.flatMap((each, index) =>
        each.status === 'rejected' ? [[index, each.reason]] : [],
      )
      expect(rejected).toEqual([[5, expect.objectContaining(error)]])
      expect(await counts()).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
      if (leftover !== undefined)
        expect((await sql.raw(leftover).execute(storage.db)).rows).toEqual([{ n: 0 }])
      await add(0)
      expect((await counts())[0]).toBe(2)
      expect(await context.peer('select sum(n) as n from counter')).toEqual([{ n: 11 }])
    },
  }),
)

describeContract('Group commit with a culprit', cases)
