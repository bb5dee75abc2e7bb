/**
 * Kysely's queries, many of them from its documentation.
 *
 * @module
 */
import { CompiledQuery, sql } from 'kysely'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { createPeople, firstNames, onEachKysely } from './kyselies.ts'
import { rejection } from './note.ts'

describeContract('Kysely queries', [
  ...onEachKysely('joins, groups, subqueries, set operations and windows', async (make) => {
    const db = await make()
    await createPeople(db)

    const owners = await db
      .selectFrom('person')
      .leftJoin('pet', 'pet.owner_id', 'person.id')
      .select(({ fn }) => ['first_name', fn.count('pet.id').as('pets'), fn.max('pet.name').as('last')])
      .groupBy('person.id')
      .having(({ fn }) => fn.count('pet.id'), '>', 0)
      .orderBy('pets', 'desc')
      .execute()
    const names = await db
      .selectFrom('person')
      .select('first_name as name')
      .unionAll(db.selectFrom('pet').select('name'))
      .orderBy('name')
      .execute()
    const ranked = await db
      .selectFrom('pet')
      .select((eb) => [
        'name',
        eb.fn
          .agg('row_number')
          .over((over) => over.partitionBy('owner_id').orderBy('id'))
          .as('rank'),
      ])
      .where((eb) =>
        eb.exists(
          eb.selectFrom('person').whereRef('person.id', '=', 'pet.owner_id').select(sql.lit(1).as('one')),
        ),
      )
      .orderBy('id')
      .execute()

    expect(owners).toEqual([
      { first_name: 'Jennifer', pets: 2, last: 'Doggo' },
      { first_name: 'Arnold', pets: 1, last: 'Hammo' },
    ])
    expect(names.map(({ name }) => name)).toEqual(['Arnold', 'Catto', 'Doggo', 'Hammo', 'Jennifer'])
    expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 1])
  }),
  ...onEachKysely('common table expressions, also in front of writes and recursive', async (make) => {
    const db = await make()
    await createPeople(db)

    const inserted = await db
      .with('favorite', (cte) =>
        cte.selectFrom('pet').select(['name', 'owner_id']).where('is_favorite', '=', true),
      )
      .insertInto('person')
      .columns(['first_name', 'age'])
      .expression((eb) => eb.selectFrom('favorite').select(['name', 'owner_id']))
      .returningAll()
      .execute()
    const updated = await db
      .with('old', (cte) => cte.selectFrom('person').select('id').where('age', '>', 70))
      .updateTable('person')
      .set({ age: 70 })
      .where('id', 'in', sql<number>`(select id from old)`)
      .executeTakeFirstOrThrow()
    const counted = await db
      .withRecursive('n(x)', (cte) =>
        cte
          .selectNoFrom(sql.lit(1).as('x'))
          .unionAll(cte.selectFrom('n').select(sql<number>`x + 1`.as('x')).where('x', '<', 5)),
      )
      .selectFrom('n')
      .select('x')
      .execute()

    expect(inserted).toEqual([{ id: 3, first_name: 'Catto', last_name: null, age: 1 }])
    expect(updated.numUpdatedRows).toBe(1n)
    expect(counted.map(({ x }) => x)).toEqual([1, 2, 3, 4, 5])
  }),
  ...onEachKysely('upserts, INSERT OR, UPDATE FROM and DELETE with RETURNING', async (make) => {
    const db = await make()
    await createPeople(db)

    const upserted = await db
      .insertInto('pet')
      .values({ owner_id: 2, name: 'Catto', species: 'lion' })
      .onConflict((oc) => oc.column('name').doUpdateSet((eb) => ({ species: eb.ref('excluded.species') })))
      .returning(['id', 'species'])
      .executeTakeFirstOrThrow()
    const replaced = await db
      .replaceInto('pet')
      .values({ id: 2, owner_id: 2, name: 'Doggo' })
      .executeTakeFirstOrThrow()
    const from = await db
      .updateTable('pet')
      .from('person')
      .set((eb) => ({ species: eb.ref('person.first_name') }))
      .whereRef('pet.owner_id', '=', 'person.id')
      .returning(['pet.id', 'pet.species'])
      .execute()
    const deleted = await db.deleteFrom('pet').where('owner_id', '=', 2).returning('name').execute()

    expect(upserted).toEqual({ id: 1, species: 'lion' })
    expect(replaced).toMatchObject({ insertId: 2n, numInsertedOrUpdatedRows: 1n })
    expect(from).toContainEqual({ id: 1, species: 'Jennifer' })
    expect(deleted.map(({ name }) => name).sort()).toEqual(['Doggo', 'Hammo'])
  }),
  ...onEachKysely('raw SQL with values, references and lists', async (make) => {
    const db = await make()
    await createPeople(db)
    const names = ['Jennifer', 'Nobody']

    const { rows } = await sql`
      select ${sql.ref('person.first_name')} as name, ${sql.lit('x')} as x, ${5} as five
      from ${sql.table('person')}
      where ${sql.id('person', 'first_name')} in (${sql.join(names)}) and ${sql.raw('age > 1')}
    `.execute(db)

    expect(rows).toEqual([{ name: 'Jennifer', x: 'x', five: 5 }])
  }),
  ...onEachKysely('dynamic references and conditional parts', async (make) => {
    const db = await make()
    await createPeople(db)
    const { ref } = db.dynamic
    const isSorted = true as boolean

    const rows = await db
      .selectFrom('person')
      .select([ref('first_name'), ref('age')])
      .where(ref('age'), '>', 50)
      .$if(isSorted, (query) => query.orderBy('age'))
      .$call((query) => query.limit(1))
      .execute()

    expect(rows).toEqual([{ first_name: 'Arnold', age: 77 }])
  }),
  ...onEachKysely('a compiled query, executed once and again', async (make) => {
    const db = await make()
    await createPeople(db)
    const compiled = db.selectFrom('person').select('age').where('first_name', '=', 'Arnold').compile()

    expect(compiled).toMatchObject({
      sql: 'select "age" from "person" where "first_name" = ?',
      parameters: ['Arnold'],
    })
    for (const _ of [1, 2]) expect((await db.executeQuery(compiled)).rows).toEqual([{ age: 77 }])
    const raw = CompiledQuery.raw('select age from person where id = ?', [1])
    expect((await db.executeQuery(raw)).rows).toEqual([{ age: 40 }])
  }),
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
  ...onEachKysely('executeTakeFirstOrThrow() throws the error that it was given', async (make) => {
    const db = await make()
    await createPeople(db)
    const none = db.selectFrom('person').selectAll().where('id', '=', 404)

    expect(await none.executeTakeFirst()).toBeUndefined()
    expect((await rejection(none.executeTakeFirstOrThrow())).message).toBe('no result')
    expect((await rejection(none.executeTakeFirstOrThrow(() => new Error('nobody')))).message).toBe('nobody')
  }),
  ...onEachKysely('destroy() closes, and every query after it rejects', async (make) => {
    const db = await make()
    await createPeople(db)

    await db.destroy()
    await db.destroy()

    expect(await rejection(firstNames(db))).toBeInstanceOf(Error)
    expect(await rejection(db.transaction().execute(firstNames))).toBeInstanceOf(Error)
  }),
])
