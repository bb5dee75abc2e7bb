/**
 * What ends a transaction against the will of its caller: the first error is the one that is seen, nothing that comes
 * after commits by itself, and the connection serves the next caller.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { TransactionEndedError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

/** A way in which SQLite itself rolls the whole transaction back. */
interface Ending {
  readonly name: string
  readonly code: string
  readonly message: RegExp
  prepare?(db: Kysely<AnyDatabase>): Promise<unknown>
  /** The statement that ends the transaction. */
  end(trx: Kysely<AnyDatabase>): Promise<unknown>
}

const endings: readonly Ending[] = [
  {
    name: 'OR ROLLBACK',
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    message: /UNIQUE constraint failed: note.text/,
    end: (trx) => trx.insertInto('note').orRollback().values({ text: 'first' }).execute(),
  },
  {
    name: 'RAISE(ROLLBACK) in a trigger',
    code: 'SQLITE_CONSTRAINT_TRIGGER',
    message: /no bad notes/,
    prepare: (db) =>
      sql`create trigger no_bad_notes before insert on note when new.text = 'bad'
        begin select raise(rollback, 'no bad notes'); end`.execute(db),
    end: (trx) => addNote(trx, 'bad'),
  },
  {
    name: 'ON CONFLICT ROLLBACK in the table',
    code: 'SQLITE_CONSTRAINT_NOTNULL',
    message: /NOT NULL constraint failed: strict_note.text/,
    prepare: (db) => sql`create table strict_note (text not null on conflict rollback)`.execute(db),
    end: (trx) => trx.insertInto('strict_note').values({ text: null }).execute(),
  },
  {
    name: 'SQLITE_FULL',
    code: 'SQLITE_FULL',
    message: /database or disk is full/,
    prepare: async (db) => {
      await sql`create table big (bytes blob)`.execute(db)
      await sql`pragma max_page_count = 40`.execute(db)
    },
    end: (trx) => sql`insert into big values (zeroblob(1000000))`.execute(trx),
  },
]

async function start({ open }: CaseContext, { prepare }: Ending): Promise<Kysely<AnyDatabase>> {
  const { db } = await open()
  await createNotes(db, 'first')
  await prepare?.(db)
  return db
}

async function expectOnly(context: CaseContext, db: Kysely<AnyDatabase>, ...texts: string[]): Promise<void> {
  // Seen by another process: what is there is committed.
  const rows = await context.peer('select text from note order by id')
  expect(rows.map(({ text }) => text)).toEqual(texts)
  await db.transaction().execute((trx) => addNote(trx, 'next'))
  expect(await notes(db)).toEqual([...texts, 'next'])
}

function casesOf(ending: Ending): ContractCase[] {
  const { name, code, message, end } = ending
  const rejectsWith = { code, message: expect.stringMatching(message) }
  return [
    {
      name: `C10 ${name}: the first error surfaces, later statements are refused, nothing is stored`,
      async run(context) {
        const db = await start(context, ending)
        let later: unknown[] = []

        const error = await rejection(
          db.transaction().execute(async (trx) => {
            await addNote(trx, 'second')
            const first = await rejection(end(trx))
            later = [await rejection(addNote(trx, 'third')), await rejection(notes(trx)), first]
            throw first
          }),
        )

        expect(error).toMatchObject(rejectsWith)
        expect(later[0]).toBeInstanceOf(TransactionEndedError)
        expect(later[1]).toMatchObject({ name: 'TransactionEndedError', cause: error })
        await expectOnly(context, db, 'first')
      },
    },
    {
      name: `C10 ${name}: a callback that swallows the error cannot commit`,
      async run(context) {
        const db = await start(context, ending)

        const error = await rejection(
          db.transaction().execute(async (trx) => {
            await addNote(trx, 'second')
            await rejection(end(trx))
            return 'all is well'
          }),
        )

        expect(error).toMatchObject({
          name: 'TransactionEndedError',
          cause: expect.objectContaining(rejectsWith),
        })
        await expectOnly(context, db, 'first')
      },
    },
    {
      name: `C10 ${name}: in a controlled transaction, savepoints and COMMIT are refused and ROLLBACK is not`,
      async run(context) {
        const db = await start(context, ending)
        const committed = await db.startTransaction().execute()
        const savepoint = await committed.savepoint('before').execute()
        await addNote(savepoint, 'second')

        expect(await rejection(end(savepoint))).toMatchObject(rejectsWith)
        const isRefused = { name: 'TransactionEndedError' }
        expect(await rejection(savepoint.rollbackToSavepoint('before').execute())).toMatchObject(isRefused)
        expect(await rejection(committed.commit().execute())).toMatchObject(isRefused)
        expect(committed.isRolledBack).toBe(true)
        const rolledBack = await db.startTransaction().execute()
        await rejection(end(rolledBack))
        await rolledBack.rollback().execute()

        await expectOnly(context, db, 'first')
      },
    },
    {
      name: `C10 ${name}: inside raw BEGIN and COMMIT of connection()`,
      async run(context) {
        const db = await start(context, ending)

        await db.connection().execute(async (connection) => {
          await sql`begin`.execute(connection)
          await addNote(connection, 'second')
          expect(await rejection(end(connection))).toMatchObject(rejectsWith)
          expect(await rejection(addNote(connection, 'third'))).toBeInstanceOf(TransactionEndedError)
          expect(await rejection(sql`commit`.execute(connection))).toBeInstanceOf(TransactionEndedError)
          await sql`begin`.execute(connection)
          await sql`rollback`.execute(connection)
        })

        await expectOnly(context, db, 'first')
      },
    },
  ]
}

describeContract('repair', endings.flatMap(casesOf))
