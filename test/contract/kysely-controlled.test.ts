/**
 * Kysely's controlled transactions, savepoints and `connection()`.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { createPeople, firstNames, onEachKysely } from './kyselies.ts'
import { rejection } from './note.ts'

function addPerson(db: Kysely<AnyDatabase>, first_name: string): Promise<{ id: number }> {
  return db.insertInto('person').values({ first_name }).returning('id').executeTakeFirstOrThrow() as never
}

describeContract('Kysely controlled transactions and connections', [
  ...onEachKysely('a controlled transaction with a savepoint, as in the documentation', async (make) => {
    const db = await make()
    await createPeople(db)
    const trx = await db.startTransaction().execute()

    const sylvester = await addPerson(trx, 'Sylvester')
    const after = await trx.savepoint('after_sylvester').execute()
    try {
      await after.insertInto('pet').values({ owner_id: sylvester.id, name: 'Rocky' }).execute()
      await after.insertInto('pet').values({ owner_id: sylvester.id, name: 'Catto' }).execute()
    } catch {
      await after.rollbackToSavepoint('after_sylvester').execute()
    }
    await after.releaseSavepoint('after_sylvester').execute()
    await addPerson(trx, 'Dolph')
    await trx.commit().execute()

    expect([trx.isCommitted, trx.isRolledBack, trx.isTransaction]).toEqual([true, false, true])
    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'Sylvester', 'Dolph'])
    expect(await db.selectFrom('pet').select('name').where('owner_id', '=', 3).execute()).toEqual([])
  }),
  ...onEachKysely('nested savepoints are rolled back and released one in the other', async (make) => {
    const db = await make()
    await createPeople(db)
    const trx = await db.startTransaction().execute()

    const outer = await trx.savepoint('the "outer" one').execute()
    await addPerson(outer, 'outer')
    const inner = await outer.savepoint('inner').execute()
    await addPerson(inner, 'inner')
    await inner.rollbackToSavepoint('inner').execute()
    await addPerson(inner, 'inner again')
    await inner.releaseSavepoint('inner').execute()
    expect(await rejection(inner.rollbackToSavepoint('inner').execute())).toMatchObject({
      message: 'SQLITE_ERROR: no such savepoint: inner',
    })
    await outer.releaseSavepoint('the "outer" one').execute()
    await trx.commit().execute()

    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'outer', 'inner again'])
  }),
  ...onEachKysely('a controlled transaction is over after commit or rollback', async (make) => {
    const db = await make()
    await createPeople(db)
    const trx = await db.startTransaction().execute()
    await addPerson(trx, 'Sylvester')
    await trx.rollback().execute()

    expect([trx.isCommitted, trx.isRolledBack]).toEqual([false, true])
    const late = Promise.resolve().then(() => addPerson(trx, 'Dolph'))
    expect((await rejection(late)).message).toBe('Transaction is already rolled back')
    expect(await rejection(trx.commit().execute())).toBeInstanceOf(Error)
    expect(await firstNames(db)).toHaveLength(2)
  }),
  ...onEachKysely('connection() keeps one connection, with what belongs to it', async (make) => {
    const db = await make()
    await createPeople(db)

    await db.connection().execute(async (connection) => {
      await connection.insertInto('person').values({ first_name: 'Sylvester' }).execute()
      await sql`create temp table mine (x)`.execute(connection)
      await sql`insert into mine values (1)`.execute(connection)
      const { rows } = await sql`select last_insert_rowid() as id, x from mine`.execute(connection)
      expect(rows).toEqual([{ id: 1, x: 1 }])
    })

    expect(await firstNames(db)).toHaveLength(3)
  }),
  ...onEachKysely('raw BEGIN, SAVEPOINT, ROLLBACK and COMMIT work inside connection()', async (make) => {
    const db = await make()
    await createPeople(db)
    const run = (connection: Kysely<AnyDatabase>, text: string) => sql.raw(text).execute(connection)

    await db.connection().execute(async (connection) => {
      await run(connection, 'BEGIN')
      await addPerson(connection, 'lost')
      await run(connection, 'ROLLBACK')
      await run(connection, 'begin immediate transaction')
      await addPerson(connection, 'kept')
      await run(connection, 'savepoint a')
      await addPerson(connection, 'lost')
      await run(connection, 'rollback to A')
      await run(connection, 'end')
      await run(connection, 'savepoint outermost')
      await addPerson(connection, 'kept too')
      await run(connection, 'release OUTERMOST')
    })

    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'kept', 'kept too'])
  }),
  ...onEachKysely('transactions inside connection(), one after the other', async (make) => {
    const db = await make()
    await createPeople(db)

    await db.connection().execute(async (connection) => {
      await connection.transaction().execute((trx) => addPerson(trx, 'first'))
      const error = await rejection(
        connection.transaction().execute(async (trx) => {
          await addPerson(trx, 'lost')
          throw new Error('no')
        }),
      )
      expect(error.message).toBe('no')
      const trx = await connection.startTransaction().execute()
      await addPerson(trx, 'second')
      await trx.commit().execute()
      await addPerson(connection, 'third')
    })

    expect(await firstNames(db)).toEqual(['Jennifer', 'Arnold', 'first', 'second', 'third'])
  }),
])
