/**
 * Kysely's schema builder, introspection, streams and plans.
 *
 * @module
 */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { createPeople, firstNames, onEachKysely } from './kyselies.ts'
import { rejection } from './note.ts'

describeContract('Kysely schema', [
  ...onEachKysely('streams of any chunk size, left early or not', async (make) => {
    const db = await make()
    await createPeople(db)
    await sql`insert into person (first_name) with recursive n (x) as (select 1 union all select x + 1 from n where x < 300) select 'n' || x from n`.execute(
      db,
    )
    const query = db.selectFrom('person').select('first_name').orderBy('id')

    for (const chunkSize of [undefined, 1, 7, 302, 1_000, 0]) {
      const streamed: unknown[] = []
      for await (const { first_name } of query.stream(chunkSize)) streamed.push(first_name)
      expect(streamed).toEqual(await firstNames(db))
    }
    for await (const { first_name } of query.stream(10)) {
      expect(first_name).toBe('Jennifer')
      break
    }
    const deleted: unknown[] = []
    for await (const row of db.deleteFrom('person').where('id', '>', 2).returning('id').stream(50))
      deleted.push(row)
    expect(deleted).toHaveLength(300)
    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold'])
  }),
  ...onEachKysely('explain() shows a plan and runs nothing, whatever it explains', async (make) => {
    const db = await make()
    await createPeople(db)

    const plans = [
      await db.selectFrom('person').selectAll().explain(),
      await db.insertInto('person').values({ first_name: 'Nobody' }).explain(),
      await db.updateTable('person').set({ age: 0 }).explain(),
      await db.deleteFrom('person').explain(),
      (await sql`explain query plan select * from person where id = ${1}`.execute(db)).rows,
    ]

    for (const plan of plans) expect(plan.length).toBeGreaterThan(0)
    await db.transaction().execute((trx) => trx.deleteFrom('person').explain())
    await db.insertInto('person').values({ first_name: 'Sylvester' }).execute()
    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'Sylvester'])
  }),
  ...onEachKysely(
    'explain() of a write holds up no write that follows, wherever it runs',
    async (make, { connector }) => {
      const db = await make()
      await createPeople(db)
      const startMs = performance.now()

      await db.connection().execute(async (connection) => {
        await connection.updateTable('person').set({ age: 1 }).execute()
        await connection.deleteFrom('person').explain()
        await connection.updateTable('person').set({ age: 2 }).execute()
      })
      await db.transaction().execute((trx) => trx.deleteFrom('person').explain())
      await db.updateTable('person').set({ age: 3 }).execute()

      // On Bun libSQL's statement may outlive a collection, and the write waits for the next one.
      if (connector !== 'libsql' || !('Bun' in globalThis))
        expect(performance.now() - startMs).toBeLessThan(3_000)
      expect(await db.selectFrom('person').select('age').distinct().execute()).toEqual([{ age: 3 }])
    },
  ),
  ...onEachKysely('withSchema(), and handles with more tables', async (make) => {
    const db = await make()
    await createPeople(db)

    expect(await db.withSchema('main').selectFrom('person').select('id').execute()).toHaveLength(2)
    await db.withSchema('main').schema.createTable('toy').addColumn('name', 'text').execute()
    const withToys = db.$extendTables<{ toy: { name: string } }>()
    await withToys.insertInto('toy').values({ name: 'Bone' }).execute()
    expect(await withToys.withSchema('main').selectFrom('toy').selectAll().execute()).toEqual([
      { name: 'Bone' },
    ])
    expect(
      await rejection(db.withSchema('nothing').selectFrom('person').selectAll().execute()),
    ).toMatchObject({
      message: 'SQLITE_ERROR: no such table: nothing.person',
    })
  }),
  ...onEachKysely('the schema builder: tables, columns, indexes and views', async (make) => {
    const db = await make()
    await createPeople(db)

    await db.schema.alterTable('person').addColumn('email', 'text').execute()
    await db.schema.alterTable('person').renameColumn('email', 'mail').execute()
    await db.schema
      .createIndex('person_mail')
      .unique()
      .on('person')
      .column('mail')
      .where('mail', 'is not', null)
      .execute()
    await db.schema
      .createIndex('person_name')
      .ifNotExists()
      .on('person')
      .columns(['first_name', 'last_name desc'])
      .execute()
    await db.schema
      .createView('adults')
      .ifNotExists()
      .as(db.selectFrom('person').select('first_name').where('age', '>', 18))
      .execute()
    await db.schema
      .createTable('club')
      .ifNotExists()
      .addColumn('name', 'varchar(20)', (column) => column.notNull().check(sql`length(name) > 2`))
      .addColumn('size', 'integer', (column) => column.generatedAlwaysAs(sql`length(name)`).stored())
      .addUniqueConstraint('club_name', ['name'])
      .execute()
    await db.updateTable('person').set({ mail: 'a@b' }).where('id', '=', 1).execute()
    await db.insertInto('club').values({ name: 'chess' }).execute()

    expect(await db.selectFrom('adults').selectAll().execute()).toHaveLength(2)
    expect(await db.selectFrom('club').selectAll().execute()).toEqual([{ name: 'chess', size: 5 }])
    expect(await rejection(db.updateTable('person').set({ mail: 'a@b' }).execute())).toMatchObject({
      code: 'SQLITE_CONSTRAINT_UNIQUE',
    })
    await db.schema.dropView('adults').execute()
    await db.schema.dropIndex('person_name').ifExists().execute()
    await db.schema.alterTable('person').dropColumn('last_name').execute()
    await db.schema.alterTable('club').renameTo('team').execute()
    await db.schema.dropTable('team').execute()
    expect(Object.keys((await db.selectFrom('person').selectAll().execute())[0] ?? {})).toEqual([
      'id',
      'first_name',
      'age',
      'mail',
    ])
  }),
  ...onEachKysely('destroy() closes, and every query after it rejects', async (make) => {
    const db = await make()
    await createPeople(db)

    await db.destroy()
    await db.destroy()

    expect(await rejection(firstNames(db))).toBeInstanceOf(Error)
    expect(await rejection(db.transaction().execute(firstNames))).toBeInstanceOf(Error)
  }),
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
