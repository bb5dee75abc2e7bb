/**
 * Errors are of one tree with SQLite's result codes, whatever driver they come from.
 *
 * @module
 */
import { type Kysely, sql } from 'kysely'
import { ConstraintError, SqliteError, UnbusyError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { createNotes, rejection } from './note.ts'

/** A value that is bound everywhere and must show in no message. */
const secret = 'hunter2'

interface Failing {
  readonly what: string
  readonly code: string
  readonly extendedResultCode: number
  readonly message: string
  fail(db: Kysely<AnyDatabase>): Promise<unknown>
}

async function createTables(db: Kysely<AnyDatabase>): Promise<void> {
  await createNotes(db, secret)
  await sql`create table checked (id integer primary key, name text not null, age integer check (age > 0))`.execute(
    db,
  )
  await sql`create table named (name text primary key)`.execute(db)
  await sql`insert into named values (${secret})`.execute(db)
  await sql`create table child (note_id integer not null references note)`.execute(db)
  await sql`create table strict_one (n integer) strict`.execute(db)
  await sql`create trigger no_child before delete on child begin select raise(abort, 'children stay'); end`.execute(
    db,
  )
  await sql`insert into child values (1)`.execute(db)
}

const failings: readonly Failing[] = [
  {
    what: 'a UNIQUE constraint',
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    extendedResultCode: 2067,
    message: 'UNIQUE constraint failed: note.text',
    fail: (db) => db.insertInto('note').values({ text: secret }).execute(),
  },
  {
    what: 'a PRIMARY KEY',
    code: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    extendedResultCode: 1555,
    message: 'UNIQUE constraint failed: named.name',
    fail: (db) => db.insertInto('named').values({ name: secret }).execute(),
  },
  {
    what: 'NOT NULL',
    code: 'SQLITE_CONSTRAINT_NOTNULL',
    extendedResultCode: 1299,
    message: 'NOT NULL constraint failed: checked.name',
    fail: (db) => db.insertInto('checked').values({ id: 77_777, name: null }).execute(),
  },
  {
    what: 'a CHECK',
    code: 'SQLITE_CONSTRAINT_CHECK',
    extendedResultCode: 275,
    message: 'CHECK constraint failed: age > 0',
    fail: (db) => db.insertInto('checked').values({ name: secret, age: -77_777 }).execute(),
  },
  {
    what: 'a foreign key',
    code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    extendedResultCode: 787,
    message: 'FOREIGN KEY constraint failed',
    fail: (db) => db.insertInto('child').values({ note_id: 77_777 }).execute(),
  },
  {
    what: 'RAISE(ABORT)',
    code: 'SQLITE_CONSTRAINT_TRIGGER',
    extendedResultCode: 1811,
    message: 'children stay',
    fail: (db) => db.deleteFrom('child').where('note_id', '!=', 77_777).execute(),
  },
  {
    what: 'a STRICT table',
    code: 'SQLITE_CONSTRAINT_DATATYPE',
    extendedResultCode: 3091,
    message: 'cannot store TEXT value in INTEGER column strict_one.n',
    fail: (db) => db.insertInto('strict_one').values({ n: secret }).execute(),
  },
  {
    what: 'a syntax error',
    code: 'SQLITE_ERROR',
    extendedResultCode: 1,
    message: 'near "form": syntax error',
    fail: (db) => sql`select * form note where text = ${secret}`.execute(db),
  },
  {
    what: 'a missing table',
    code: 'SQLITE_ERROR',
    extendedResultCode: 1,
    message: 'no such table: nothing',
    fail: (db) => db.selectFrom('nothing').selectAll().where('text', '=', secret).execute(),
  },
  {
    what: 'a missing column of a write',
    code: 'SQLITE_ERROR',
    extendedResultCode: 1,
    message: 'table note has no column named nothing',
    fail: (db) => db.insertInto('note').values({ nothing: secret }).execute(),
  },
  {
    what: 'a datatype mismatch',
    code: 'SQLITE_MISMATCH',
    extendedResultCode: 20,
    message: 'datatype mismatch',
    fail: (db) => db.insertInto('note').values({ id: secret }).execute(),
  },
  {
    what: 'a value that is too big',
    code: 'SQLITE_TOOBIG',
    extendedResultCode: 18,
    message: 'string or blob too big',
    fail: (db) => sql`select zeroblob(3000000000)`.execute(db),
  },
  {
    what: 'a full disk',
    code: 'SQLITE_FULL',
    extendedResultCode: 13,
    message: 'database or disk is full',
    fail: (db) => sql`insert into note (text) values (${secret} || hex(zeroblob(1000000)))`.execute(db),
  },
]

const cases: ContractCase[] = failings.map(({ what, code, extendedResultCode, message, fail }) => ({
  name: `C9 ${what} is ${code} (${extendedResultCode}), alone and in a transaction`,
  async run({ open }) {
    const { db } = await open()
    await createTables(db)
    await sql`pragma max_page_count = 60`.execute(db)

    const alone = await rejection(fail(db))
    const inside = await rejection(db.transaction().execute((trx) => fail(trx)))

    for (const error of [alone, inside]) {
      const isConstraint = code.startsWith('SQLITE_CONSTRAINT')
      expect(error).toMatchObject({
        name: isConstraint ? 'ConstraintError' : code === 'SQLITE_FULL' ? 'DatabaseFullError' : 'SqliteError',
        message: `${code}: ${message}`,
        code,
        resultCode: extendedResultCode & 0xff,
        extendedResultCode,
      })
      expect(error).toBeInstanceOf(isConstraint ? ConstraintError : SqliteError)
      expect(error.cause).toBeInstanceOf(Error)
      expect(error.cause).not.toBeInstanceOf(UnbusyError)
      expect(error.stack).not.toMatch(/hunter2|77777/)
    }
  },
}))

async function theCaller(query: { execute(): Promise<unknown> }): Promise<unknown> {
  return await query.execute()
}

describeContract('errors', [
  ...cases,
  {
    name: 'C9 the stack of an error has the frames of its caller, however deep the queue was',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'taken')
      const taken = { text: 'taken' }
      const limit = Error.stackTraceLimit

      const queued = await Promise.all([
        rejection(theCaller(db.insertInto('note').values(taken))),
        rejection(theCaller(db.insertInto('note').values(taken))),
      ])
      const read = await rejection(theCaller(db.selectFrom('nothing').selectAll()))
      const inside = await rejection(
        db.transaction().execute((trx) => theCaller(trx.insertInto('note').values(taken))),
      )
      const nested = await rejection(
        db
          .connection()
          .execute((connection) =>
            connection.transaction().execute((trx) => theCaller(trx.insertInto('note').values(taken))),
          ),
      )

      expect(Error.stackTraceLimit).toBe(limit)
      for (const error of [...queued, read, inside, nested]) {
        expect(error.stack).toContain('theCaller')
        expect(error.stack?.match(/theCaller/g)).toHaveLength(1)
      }
    },
  },
])
