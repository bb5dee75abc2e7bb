/**
 * Kysely's log and abort signals.
 *
 * @module
 */
import { type LogEvent, sql } from 'kysely'
import { expect, vi } from 'vitest'
import { describeContract } from './case.ts'
import { createPeople, firstNames, onEachKysely } from './kyselies.ts'
import { rejection } from './note.ts'

/** What happened, as `log` was told. */
function describe(event: LogEvent): string {
  const stream = event.level === 'query' && event.isStream ? 'stream ' : ''
  const failed = event.level === 'error' ? `${(event.error as Error).name} in ` : ''
  return `${failed}${stream}${event.query.sql}`
}

describeContract('Kysely log and signals', [
  ...onEachKysely(
    'log tells every query that runs, with those that begin and end transactions',
    async (make) => {
      const events: LogEvent[] = []
      const log = (event: LogEvent): void => {
        events.push(event)
      }
      const db = await make({ log })
      await sql`create table t (x unique)`.execute(db)
      await sql`insert into t values (${1})`.execute(db)
      await db.transaction().execute((trx) => sql`select x from t`.execute(trx))
      await rejection(db.transaction().execute((trx) => sql`insert into t values (${1})`.execute(trx)))
      await db
        .transaction()
        .setAccessMode('read only')
        .execute((trx) => sql`select x from t`.execute(trx))
      const controlled = await db.startTransaction().execute()
      const inside = await controlled.savepoint('here').execute()
      await inside.releaseSavepoint('here').execute()
      await controlled.commit().execute()
      for await (const _ of db.selectFrom('t').selectAll().stream());
      await db.transaction().execute(async (trx) => {
        for await (const _ of trx.selectFrom('t').select('x').stream());
      })
      await db.connection().execute(async (connection) => {
        for await (const _ of connection.selectFrom('t').select('x').stream());
      })

      expect(events.map(describe)).toEqual([
        'create table t (x unique)',
        'insert into t values (?)',
        'begin immediate',
        'select x from t',
        'commit',
        'begin immediate',
        'ConstraintError in insert into t values (?)',
        'rollback',
        'begin deferred',
        'select x from t',
        'commit',
        'begin immediate',
        'savepoint "here"',
        'release "here"',
        'commit',
        'stream select * from "t"',
        'begin immediate',
        'stream select "x" from "t"',
        'commit',
        'stream select "x" from "t"',
      ])
      for (const { queryDurationMillis } of events) expect(queryDurationMillis).toBeGreaterThanOrEqual(0)
      expect(events[1]?.query.parameters).toEqual([1])
    },
  ),
  ...onEachKysely(
    'C10 a log that throws is the error that is seen, and leaves no transaction open',
    async (make) => {
      let at = ''
      const log = ({ query }: LogEvent): void => {
        if (at !== '' && query.sql.startsWith(at)) throw new Error(`no log of ${at}`)
      }
      const db = await make({ log })
      await sql`create table t (x unique)`.execute(db)
      const write = (x: number): Promise<unknown> =>
        db.transaction().execute((trx) => sql`insert into t values (${x})`.execute(trx))
      for (const [x, place] of ['begin', 'insert', 'commit', 'rollback'].entries()) {
        at = place
        const first = x === 3 ? write(2) : write(x)
        await expect(first).rejects.toThrow(`no log of ${place}`)
        at = ''
        await write(10 + x)
      }

      const { rows } = await sql<{ x: number }>`select x from t order by x`.execute(db)
      expect(rows.map(({ x }) => x)).toEqual([2, 10, 11, 12, 13])
    },
  ),
  ...onEachKysely('log by level prints just that', async (make) => {
    const printed: string[] = []
    const spies = [
      vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line))),
      vi
        .spyOn(console, 'error')
        .mockImplementation((line) => void printed.push(String(line).split('\n')[0] ?? '')),
    ]
    try {
      const db = await make({ log: ['error'] })
      await sql`select 1`.execute(db)
      await rejection(sql`select * from nobody`.execute(db))
    } finally {
      for (const spy of spies) spy.mockRestore()
    }

    expect(printed).toEqual(['kysely:error: SqliteError: SQLITE_ERROR: no such table: nobody'])
  }),
  ...onEachKysely('an aborted write that waits in the queue is never written', async (make) => {
    const db = await make()
    await createPeople(db)
    const spy = vi.spyOn(console, 'error').mockImplementation(() => {})
    const abort = new AbortController()
    const reason = new Error('the client went away')
    const holder = await db.startTransaction().execute()

    const waiting = rejection(
      db.insertInto('person').values({ first_name: 'Never' }).execute({ signal: abort.signal }),
    )
    abort.abort(reason)
    expect(await waiting).toBe(reason)
    await holder.commit().execute()
    const tooLate = db.insertInto('person').values({ first_name: 'Never' }).execute({ signal: abort.signal })
    expect(await rejection(tooLate)).toBe(reason)
    await db
      .insertInto('person')
      .values({ first_name: 'After' })
      .execute({ signal: new AbortController().signal })

    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'After'])
    expect(spy.mock.calls).toEqual([])
    spy.mockRestore()
  }),
  ...onEachKysely(
    'an aborted read, stream and connection() end with the reason of the signal',
    async (make) => {
      const db = await make()
      await createPeople(db)
      const reason = new Error('enough')
      const signal = AbortSignal.abort(reason)
      const query = db.selectFrom('person').selectAll()
      const abort = new AbortController()
      const stream = async (): Promise<void> => {
        for await (const _ of query.stream({ chunkSize: 1, signal: abort.signal })) abort.abort(reason)
      }

      expect(await rejection(query.execute({ signal }))).toBe(reason)
      expect(await rejection(stream())).toBe(reason)
      expect(
        await rejection(db.connection().execute((connection) => firstNames(connection), { signal })),
      ).toBe(reason)
      expect(await firstNames(db)).toHaveLength(2)
    },
  ),
])
