/**
 * Kysely's plugins and JSON helpers.
 *
 * @module
 */
import {
  CamelCasePlugin,
  DeduplicateJoinsPlugin,
  HandleEmptyInListsPlugin,
  ParseJSONResultsPlugin,
  replaceWithNoncontingentExpression,
} from 'kysely'
import { jsonArrayFrom, jsonBuildObject, jsonObjectFrom } from 'kysely/helpers/sqlite'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { createPeople, onEachKysely } from './kyselies.ts'

describeContract('Kysely plugins', [
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
])
