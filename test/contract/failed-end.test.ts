/**
 * A COMMIT, ROLLBACK or BEGIN that fails: the first error surfaces, and the connection serves the next caller.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { ConstraintError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, describeContract } from './case.ts'
import { failingConnector } from './failing-connector.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

/** Tables in which an orphan is noticed at COMMIT. */
async function createFamily(db: Kysely<AnyDatabase>): Promise<void> {
  await createNotes(db)
  await sql`create table child (id integer primary key, note_id integer references note deferrable initially deferred)`.execute(
    db,
  )
}

function addOrphan(db: Kysely<AnyDatabase>): Promise<unknown> {
  return db.insertInto('child').values({ note_id: 404 }).execute()
}

async function expectServesNext({ peer }: CaseContext, db: Kysely<AnyDatabase>): Promise<void> {
  await db.transaction().execute((trx) => addNote(trx, 'next'))
  expect(await notes(db)).toEqual(['next'])
  expect(await peer('select text from note')).toEqual([{ text: 'next' }])
}

const foreignKey = { name: 'ConstraintError', code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }

describeContract('failed ends', [
  {
    name: 'C10 a COMMIT that a deferred foreign key refuses rolls the transaction back',
    async run(context) {
      const { db } = await context.open()
      await createFamily(db)

      const error = await rejection(
        db.transaction().execute(async (trx) => {
          await addNote(trx, 'first')
          await addOrphan(trx)
        }),
      )

      expect(error).toMatchObject(foreignKey)
      expect(await db.selectFrom('child').selectAll().execute()).toEqual([])
      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 a COMMIT that fails in a controlled transaction gives the writer back',
    async run(context) {
      const { db } = await context.open()
      await createFamily(db)
      const trx = await db.startTransaction().execute()
      await addNote(trx, 'first')
      await addOrphan(trx)

      expect(await rejection(trx.commit().execute())).toMatchObject(foreignKey)
      expect(trx.isRolledBack).toBe(true)
      expect((await rejection(Promise.resolve().then(() => addNote(trx, 'late')))).message).toMatch(
        /already rolled back/,
      )
      await trx.rollback().execute()
      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 a raw COMMIT that fails leaves no transaction behind in connection()',
    async run(context) {
      const { db } = await context.open()
      await createFamily(db)

      await db.connection().execute(async (connection) => {
        await sql`begin`.execute(connection)
        await addOrphan(connection)
        expect(await rejection(sql`commit`.execute(connection))).toMatchObject(foreignKey)
        await sql`savepoint outermost`.execute(connection)
        await addOrphan(connection)
        expect(await rejection(sql`release outermost`.execute(connection))).toMatchObject(foreignKey)
      })

      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 the error of the callback surfaces, not that of a failing ROLLBACK',
    async run(context) {
      const { connector, failNext } = await failingConnector(context)
      const { db } = await context.open({ connector })
      await createFamily(db)

      for (const round of [1, 2]) {
        failNext('writer', 'rollback')
        const error = await rejection(
          db.transaction().execute(async (trx) => {
            await addNote(trx, 'lost')
            throw new Error(`round ${round}`)
          }),
        )
        expect(error.message).toBe(`round ${round}`)
      }

      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 the error of a COMMIT surfaces, not that of the failing ROLLBACK behind it',
    async run(context) {
      const { connector, failNext } = await failingConnector(context)
      const { db } = await context.open({ connector })
      await createFamily(db)
      failNext('writer', 'rollback')

      const error = await rejection(db.transaction().execute(addOrphan))

      expect(error).toBeInstanceOf(ConstraintError)
      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 a controlled transaction whose ROLLBACK fails gives the writer back',
    async run(context) {
      const { connector, failNext } = await failingConnector(context)
      const { db } = await context.open({ connector })
      await createFamily(db)
      const trx = await db.startTransaction().execute()
      await addNote(trx, 'lost')
      failNext('writer', 'rollback')

      await trx.rollback().execute()

      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 a read-only transaction whose BEGIN fails gives its reader back',
    async run(context) {
      const { connector, failNext } = await failingConnector(context)
      const { db } = await context.open({ connector, maxReaders: 2, lockTimeoutMs: 1_000 })
      await createNotes(db, 'a')
      const read = (): Promise<string[]> => db.transaction().setAccessMode('read only').execute(notes)
      failNext('reader', 'begin')

      expect((await rejection(read())).message).toMatch(/the begin failed/)
      expect(await read()).toEqual(['a'])
    },
  },
  {
    name: 'C10 an error on its way through the transactions of two storages leaves both clean',
    async run(context) {
      const { db } = await context.open()
      const memory = await context.openInMemory()
      await createFamily(db)
      await createFamily(memory.db)

      const error = await rejection(
        db.transaction().execute(async (trx) => {
          await addNote(trx, 'outer')
          await memory.db.transaction().execute(addOrphan)
        }),
      )

      expect(error).toMatchObject(foreignKey)
      await expectServesNext(context, db)
    },
  },
  {
    name: 'C10 an error inside raw BEGIN is not replaced by the one about the missing COMMIT',
    async run(context) {
      const { db } = await context.open()
      await createNotes(db, 'next')

      const error = await rejection(
        db.connection().execute(async (connection) => {
          await sql`begin`.execute(connection)
          await addNote(connection, 'next')
        }),
      )
      const forgotten = await rejection(
        db.connection().execute((connection) => sql`begin`.execute(connection)),
      )

      expect(error).toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' })
      expect(forgotten).toMatchObject({ name: 'TransactionControlError' })
      await sql`delete from note`.execute(db)
      await expectServesNext(context, db)
    },
  },
])
