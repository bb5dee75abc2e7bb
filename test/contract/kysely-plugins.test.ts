/**
 * Kysely's plugins, log, abort signals and introspection.
 *
 * @module
 */
import {
  CamelCasePlugin,
  DeduplicateJoinsPlugin,
  HandleEmptyInListsPlugin,
  type LogEvent,
  ParseJSONResultsPlugin,
  replaceWithNoncontingentExpression,
  sql,
} from 'kysely'
import { jsonArrayFrom, jsonBuildObject, jsonObjectFrom } from 'kysely/helpers/sqlite'
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

describeContract('Kysely plugins, log and signals', [
  ...onEachKysely('CamelCasePlugin, in queries, transactions and streams', async (make) => {
    const db = await make({ plugins: [new CamelCasePlugin()] })
    await createPeople(db)
    const jennifer = { firstName: 'Jennifer', lastName: 'Aniston' }
    const query = (handle: typeof db) =>
      handle.selectFrom('person').select(['firstName', 'lastName']).where('id', '=', 1)

    expect(await query(db).execute()).toEqual([jennifer])
    await db.transaction().execute(async (trx) => {
      expect(await query(trx).execute()).toEqual([jennifer])
      for await (const row of query(trx).stream()) expect(row).toEqual(jennifer)
    })
    for await (const row of query(db).stream()) expect(row).toEqual(jennifer)
    const plain = await db.withoutPlugins().selectFrom('person').select('first_name').execute()
    expect(plain[0]).toEqual({ first_name: 'Jennifer' })
  }),
  ...onEachKysely('ParseJSONResultsPlugin and the JSON helpers', async (make) => {
    const db = await make({ plugins: [new ParseJSONResultsPlugin()] })
    await createPeople(db)

    const people = await db
      .selectFrom('person')
      .select((eb) => [
        'id',
        jsonArrayFrom(
          eb
            .selectFrom('pet')
            .select(['pet.id as pet_id', 'pet.name'])
            .whereRef('pet.owner_id', '=', 'person.id')
            .orderBy('pet.name'),
        ).as('pets'),
        jsonObjectFrom(
          eb
            .selectFrom('pet')
            .select(['pet.name'])
            .whereRef('pet.owner_id', '=', 'person.id')
            .where('pet.is_favorite', '=', true),
        ).as('favorite_pet'),
        jsonBuildObject({ first: eb.ref('first_name'), full: eb.fn('upper', ['first_name']) }).as('name'),
      ])
      .orderBy('id')
      .execute()

    expect(people).toEqual([
      {
        id: 1,
        pets: [
          { pet_id: 1, name: 'Catto' },
          { pet_id: 2, name: 'Doggo' },
        ],
        favorite_pet: { name: 'Catto' },
        name: { first: 'Jennifer', full: 'JENNIFER' },
      },
      {
        id: 2,
        pets: [{ pet_id: 3, name: 'Hammo' }],
        favorite_pet: null,
        name: { first: 'Arnold', full: 'ARNOLD' },
      },
    ])
  }),
  ...onEachKysely('plugins that change the query: empty lists, joins that come twice', async (make) => {
    const db = await make({
      plugins: [
        new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression }),
        new DeduplicateJoinsPlugin(),
      ],
    })
    await createPeople(db)

    expect(await db.selectFrom('person').selectAll().where('id', 'in', []).execute()).toEqual([])
    const joined = await db
      .selectFrom('person')
      .innerJoin('pet', 'pet.owner_id', 'person.id')
      .innerJoin('pet', 'pet.owner_id', 'person.id')
      .select('pet.name')
      .orderBy('pet.name')
      .execute()
    expect(joined.map(({ name }) => name)).toEqual(['Catto', 'Doggo', 'Hammo'])
  }),
  ...onEachKysely('a plugin added to a handle works in what the handle makes', async (make) => {
    const db = await make()
    await createPeople(db)
    const camel = db.withPlugin(new CamelCasePlugin())

    const [person] = await camel
      .transaction()
      .execute((trx) => trx.selectFrom('person').selectAll().execute())

    expect(person).toMatchObject({ firstName: 'Jennifer' })
    expect((await db.selectFrom('person').selectAll().execute())[0]).toMatchObject({ first_name: 'Jennifer' })
  }),
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
      ])
      for (const { queryDurationMillis } of events) expect(queryDurationMillis).toBeGreaterThanOrEqual(0)
      expect(events[1]?.query.parameters).toEqual([1])
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
  ...onEachKysely('introspection tells the tables, and not those of migrations', async (make) => {
    const db = await make()
    await createPeople(db)
    await sql`create view adults as select first_name from person where age >= 18`.execute(db)
    await sql`create table unbusy_migration_lock (name text)`.execute(db)

    const tables = await db.introspection.getTables()

    expect(tables.map(({ name, isView }) => [name, isView])).toEqual([
      ['adults', true],
      ['person', false],
      ['pet', false],
    ])
    const pet = tables.find(({ name }) => name === 'pet')
    expect(
      pet?.columns.map(({ name, dataType, isNullable, hasDefaultValue }) => [
        name,
        dataType,
        isNullable,
        hasDefaultValue,
      ]),
    ).toEqual([
      ['id', 'INTEGER', true, false],
      ['owner_id', 'INTEGER', false, false],
      ['name', 'TEXT', false, false],
      ['species', 'TEXT', true, false],
      ['is_favorite', 'INTEGER', true, true],
    ])
    expect(await db.introspection.getSchemas()).toEqual([])
  }),
])
