/**
 * Kysely's queries, many of them from its documentation.
 *
 * @module
 */
import { CompiledQuery, sql } from 'kysely'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { createPeople, onEachKysely } from './kyselies.ts'
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
  ...onEachKysely('executeTakeFirstOrThrow() throws the error that it was given', async (make) => {
    const db = await make()
    await createPeople(db)
    const none = db.selectFrom('person').selectAll().where('id', '=', 404)

    expect(await none.executeTakeFirst()).toBeUndefined()
    expect((await rejection(none.executeTakeFirstOrThrow())).message).toBe('no result')
    expect((await rejection(none.executeTakeFirstOrThrow(() => new Error('nobody')))).message).toBe('nobody')
  }),
])
