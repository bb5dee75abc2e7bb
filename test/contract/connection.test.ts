/** `db.connection()`: it starts lazily and sticks to the writer, where raw transaction control has an owner. */
import { type Kysely, sql } from 'kysely'
import { ConstraintError, TransactionControlError, UnsupportedError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

async function isQueryOnly(db: Kysely<AnyDatabase>): Promise<boolean> {
  const { rows } = await sql<{ query_only: number }>`select query_only from pragma_query_only`.execute(db)
  return rows[0]?.query_only === 1
}

function run(db: Kysely<AnyDatabase>, ...texts: readonly string[]): Promise<void> {
  return texts.reduce(async (before, text) => {
    await before
    await sql.raw(text).execute(db)
  }, Promise.resolve())
}

const cases: ContractCase[] = [
  {
    name: 'connection() reads on a reader until its first write, and on the writer from then on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const seen = await db.connection().execute(async (connection) => {
        const before = await isQueryOnly(connection)
        await addNote(connection, 'a')
        return [before, await isQueryOnly(connection), await notes(connection)]
      })
      expect(seen).toEqual([true, false, ['a']])
    },
  },
  {
    name: 'connection() keeps the writer from its first write to its end: other writes come after it',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let other: Promise<void> | undefined
      await db.connection().execute(async (connection) => {
        await addNote(connection, 'a')
        other = addNote(db, 'c')
        await addNote(connection, 'b')
      })
      await other
      expect(await notes(db)).toEqual(['a', 'b', 'c'])
    },
  },
  {
    name: 'PRAGMA foreign_keys = off inside connection() holds for the session, and only for it',
    async run({ open, peer }) {
      const { db } = await open()
      await run(
        db,
        'create table parent (id integer primary key)',
        'create table child (id references parent)',
      )
      const orphan = 'insert into child values (1)'
      await db.connection().execute((connection) => run(connection, 'pragma foreign_keys = off', orphan))
      expect(await peer('select id from child')).toEqual([{ id: 1 }])
      await expect(run(db, orphan)).rejects.toThrow(ConstraintError)
      await expect(db.connection().execute((connection) => run(connection, orphan))).rejects.toThrow(
        ConstraintError,
      )
    },
  },
  {
    name: 'PRAGMA foreign_keys = off inside a transaction is refused: SQLite would ignore it',
    async run({ open }) {
      const storage = await open()
      const off = storage.write((trx) => run(trx, 'pragma foreign_keys = off'))
      await expect(off).rejects.toThrow(UnsupportedError)
      await expect(off).rejects.toThrow('use db.connection()')
    },
  },
  {
    name: 'raw BEGIN and COMMIT inside connection() are a transaction',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        expect(await peer('select text from note')).toEqual([])
        await run(connection, 'commit')
        expect(await peer('select text from note')).toEqual([{ text: 'a' }])
      })
    },
  },
  {
    name: 'C2 raw BEGIN inside connection() takes the write lock at once, whatever mode it names',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      for (const begin of ['begin', 'BEGIN DEFERRED', 'begin immediate transaction', 'begin exclusive']) {
        await db.connection().execute(async (connection) => {
          await run(connection, begin)
          const taking = peer('pragma busy_timeout = 0', 'begin immediate')
          await expect(taking, begin).rejects.toThrow('database is locked')
          await run(connection, 'end')
        })
      }
    },
  },
  {
    name: 'raw ROLLBACK inside connection() undoes, and the connection goes on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        await run(connection, 'rollback')
        await addNote(connection, 'b')
      })
      expect(await notes(db)).toEqual(['b'])
    },
  },
  {
    name: 'raw SAVEPOINT inside connection() begins a transaction that its RELEASE commits, as in SQLite',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'savepoint outermost')
        await addNote(connection, 'a')
        await run(connection, 'savepoint inner')
        await addNote(connection, 'b')
        await run(connection, 'rollback to inner', 'release INNER')
        expect(await peer('select text from note')).toEqual([])
        await run(connection, 'release outermost')
        expect(await peer('select text from note')).toEqual([{ text: 'a' }])
      })
      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'raw SAVEPOINT inside a transaction is a part of it',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      await storage.write(async (trx) => {
        await addNote(trx, 'a')
        await run(trx, 'savepoint s')
        await addNote(trx, 'b')
        await run(trx, 'rollback to s', 'release s')
        await addNote(trx, 'c')
      })
      expect(await notes(storage.db)).toEqual(['a', 'c'])
    },
  },
  {
    name: 'a raw BEGIN that is left open is rolled back, and the caller is told',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      const error = await rejection(
        db.connection().execute(async (connection) => {
          await run(connection, 'begin')
          await addNote(connection, 'a')
        }),
      )
      expect(error).toBeInstanceOf(TransactionControlError)
      expect(error.message).toContain('was still open when its connection was released, and was rolled back')
      await addNote(db, 'b')
      expect(await peer('select text from note')).toEqual([{ text: 'b' }])
    },
  },
  {
    name: 'an error of the callback is what the caller sees, even if it left a raw BEGIN open',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const mine = new Error('mine')
      const failing = db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        throw mine
      })
      await expect(failing).rejects.toBe(mine)
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'raw COMMIT or ROLLBACK inside db.transaction(), a second BEGIN, and a COMMIT of nothing are refused',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      for (const text of ['commit', 'end', 'rollback', 'begin']) {
        const refused = storage.write((trx) => run(trx, text))
        await expect(refused, text).rejects.toThrow(TransactionControlError)
      }
      const twice = storage.db.connection().execute((connection) => run(connection, 'begin', 'begin'))
      await expect(twice).rejects.toThrow('a transaction is already open')
      const nothing = storage.db.connection().execute((connection) => run(connection, 'commit'))
      await expect(nothing).rejects.toThrow('no transaction is open')
      await addNote(storage.db, 'a')
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
  {
    name: 'a temporary table made inside connection() is seen there and by db afterwards',
    async run({ open }) {
      const { db } = await open()
      const inside = await db.connection().execute(async (connection) => {
        await run(connection, 'create temp table t as select 1 as a')
        return connection.selectFrom('t').select('a').execute()
      })
      expect(inside).toEqual([{ a: 1 }])
      expect(await db.selectFrom('t').select('a').execute()).toEqual([{ a: 1 }])
    },
  },
  {
    name: 'VACUUM and ATTACH work inside connection()',
    async run({ open, path }) {
      const { db } = await open()
      await createNotes(db, 'a')
      const rows = await db.connection().execute(async (connection) => {
        await run(
          connection,
          'vacuum',
          `attach '${path}.other' as other`,
          'create table other.t as select 1 as a',
        )
        return connection.selectFrom('other.t').select('a').execute()
      })
      expect(rows).toEqual([{ a: 1 }])
    },
  },
]

describeContract('db.connection()', cases)
