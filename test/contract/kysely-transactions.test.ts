/**
 * Kysely's transactions, savepoints and connections behave as its documentation says.
 *
 * @module
 */
import type { Kysely, Transaction } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { createPeople, firstNames, onEachKysely, onStorage } from './kyselies.ts'
import { rejection } from './note.ts'

function addPerson(db: Kysely<AnyDatabase>, first_name: string): Promise<{ id: number }> {
  return db.insertInto('person').values({ first_name }).returning('id').executeTakeFirstOrThrow() as never
}

describeContract('Kysely transactions', [
  ...onEachKysely(
    'a transaction commits what its callback did, and answers what it returns',
    async (make, { peer }) => {
      const db = await make()
      await createPeople(db)

      const catto = await db.transaction().execute(async (trx) => {
        expect([trx.isTransaction, db.isTransaction]).toEqual([true, false])
        const { id } = await addPerson(trx, 'Sylvester')
        return trx
          .insertInto('pet')
          .values({ owner_id: id, name: 'Rocky', species: 'dog', is_favorite: false })
          .returningAll()
          .executeTakeFirst()
      })

      expect(catto).toEqual({ id: 4, owner_id: 3, name: 'Rocky', species: 'dog', is_favorite: 0 })
      expect(await peer('select first_name from person where id = 3')).toEqual([{ first_name: 'Sylvester' }])
    },
  ),
  ...onEachKysely('a transaction whose callback throws is rolled back, and throws the same', async (make) => {
    const db = await make()
    await createPeople(db)
    const mistake = new Error('changed my mind')

    const error = await rejection(
      db.transaction().execute(async (trx) => {
        await addPerson(trx, 'Sylvester')
        throw mistake
      }),
    )

    expect(error).toBe(mistake)
    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold'])
  }),
  ...onEachKysely('transactions begun at once run one after the other', async (make) => {
    const db = await make()
    await createPeople(db)

    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction().execute(async (trx) => {
          const { age } = await trx
            .selectFrom('person')
            .select('age')
            .where('id', '=', 1)
            .executeTakeFirstOrThrow()
          await new Promise((resolve) => setTimeout(resolve, 1))
          await trx
            .updateTable('person')
            .set({ age: age + 1 })
            .where('id', '=', 1)
            .execute()
        }),
      ),
    )

    expect(await db.selectFrom('person').select('age').where('id', '=', 1).execute()).toEqual([{ age: 60 }])
  }),
  ...onEachKysely('an isolation level is taken, as SQLite has but the strictest', async (make) => {
    const db = await make()
    await createPeople(db)

    await db
      .transaction()
      .setIsolationLevel('serializable')
      .execute((trx) => addPerson(trx, 'Sylvester'))

    expect(await firstNames(db)).toHaveLength(3)
  }),
  ...onEachKysely(
    'a read-only transaction sees one state, writes nothing and holds nobody up',
    async (make) => {
      const db = await make()
      await createPeople(db)

      await db
        .transaction()
        .setAccessMode('read only')
        .execute(async (trx) => {
          expect(await firstNames(trx)).toHaveLength(2)
          await addPerson(db, 'Sylvester')
          expect(await firstNames(trx)).toHaveLength(2)
          expect(await rejection(addPerson(trx, 'Dolph'))).toMatchObject({
            name: 'UnsupportedError',
            message: 'Cannot run INSERT in a read-only transaction',
          })
          expect(await firstNames(trx)).toHaveLength(2)
        })

      expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'Sylvester'])
    },
  ),
  ...onEachKysely('handles of a transaction derived from it stay in it', async (make) => {
    const db = await make()
    await createPeople(db)
    const isTransaction = (trx: Transaction<AnyDatabase>): boolean => trx.isTransaction

    await rejection(
      db.transaction().execute(async (trx) => {
        await addPerson(trx.withSchema('main'), 'a')
        await addPerson(trx.withoutPlugins(), 'b')
        await addPerson(trx.$extendTables<{ other: { x: number } }>() as never, 'c')
        expect(isTransaction(trx.withSchema('main'))).toBe(true)
        expect(await firstNames(trx)).toHaveLength(5)
        throw new Error('roll all of it back')
      }),
    )

    expect(await firstNames(db)).toHaveLength(2)
  }),
  onStorage('storage.write() is a transaction with options of its own', async (_, { open }) => {
    const storage = await open()
    await createPeople(storage.db)

    const { id } = await storage.write((trx) => addPerson(trx, 'Sylvester'), { lockTimeoutMs: 1_000 })

    expect(id).toBe(3)
    const aborted = AbortSignal.abort(new Error('too late'))
    const never = storage.write((trx) => addPerson(trx, 'Dolph'), { signal: aborted })
    expect((await rejection(never)).message).toBe('too late')
    expect(await firstNames(storage.db)).toHaveLength(3)
  }),
])
