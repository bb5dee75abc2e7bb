/** Where statements go that no group can hold, and what only one connection can see (DESIGN.md, "Where a statement goes"). */
import { type Kysely, sql } from 'kysely'
import { InvalidStatementError, SqliteError, TransactionControlError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes } from './note.ts'
import { runsOnReader } from './run-sql.ts'

const controls: readonly string[] = [
  'begin',
  'begin immediate',
  '-- c\n COMMIT',
  'end',
  'rollback',
  'savepoint s',
  'release s',
  'rollback to s',
]

const cases: ContractCase[] = [
  {
    name: 'VACUUM runs on the writer, outside every transaction',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      await Promise.all([addNote(storage.db, 'b'), sql`vacuum`.execute(storage.db), addNote(storage.db, 'c')])
      expect(await notes(storage.db)).toEqual(['a', 'b', 'c'])
      await expect(storage.write((trx) => sql`vacuum`.execute(trx))).rejects.toThrow(SqliteError)
    },
  },
  {
    name: 'after an ATTACH on db all reads go to the writer, which alone sees what is attached',
    async run({ open, path }) {
      const { db } = await open()
      await createNotes(db, 'a')
      await sql.raw(`attach '${path}.other' as other`).execute(db)
      await sql`create table other.t (a)`.execute(db)
      await sql`insert into other.t values (1)`.execute(db)
      expect((await sql`select a from other.t`.execute(db)).rows).toEqual([{ a: 1 }])
      const streamed: unknown[] = []
      for await (const row of db.selectFrom('other.t').select('a').stream()) streamed.push(row)
      expect(streamed).toEqual([{ a: 1 }])
      expect(await runsOnReader(db)).toBe(false)
      await sql`detach other`.execute(db)
      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'a PRAGMA runs on the writer, reading or setting',
    async run({ open, peer }) {
      const { db } = await open()
      await sql`pragma user_version = 7`.execute(db)
      expect((await sql`pragma user_version`.execute(db)).rows).toEqual([{ user_version: 7 }])
      expect(await peer('pragma user_version')).toEqual([{ user_version: 7 }])
      expect((await sql`pragma query_only`.execute(db)).rows).toEqual([{ query_only: 0 }])
    },
  },
  {
    name: 'PRAGMA defer_foreign_keys is refused on db, where it would be for the transaction of somebody else',
    async run({ open }) {
      const { db } = await open()
      await sql`create table parent (id integer primary key)`.execute(db)
      await sql`create table child (parent_id references parent (id))`.execute(db)
      await expect(sql`pragma defer_foreign_keys = on`.execute(db)).rejects.toThrow(TransactionControlError)

      await db.transaction().execute(async (trx) => {
        await sql`pragma defer_foreign_keys = on`.execute(trx)
        await sql`insert into child values (1)`.execute(trx)
        await sql`insert into parent values (1)`.execute(trx)
      })

      expect((await sql`select parent_id from child`.execute(db)).rows).toEqual([{ parent_id: 1 }])
    },
  },
  {
    name: 'a statement that nobody knows goes to the writer, and SQLite says what is wrong with it',
    async run({ open }) {
      const { db } = await open()
      await expect(sql`frobnicate the database`.execute(db)).rejects.toMatchObject({ code: 'SQLITE_ERROR' })
    },
  },
  {
    name: 'a temporary table is seen by the reads of db, point reads and streams, that come after it',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'a')
      expect(await runsOnReader(db)).toBe(true)
      await sql`create temp table t as select 1 as a`.execute(db)
      expect((await sql`select a from t`.execute(db)).rows).toEqual([{ a: 1 }])
      const streamed: unknown[] = []
      for await (const row of db.selectFrom('t').select('a').stream()) streamed.push(row)
      expect(streamed).toEqual([{ a: 1 }])
      const reading = db.transaction().setAccessMode('read only')
      expect(await reading.execute((trx) => trx.selectFrom('t').select('a').execute())).toEqual([{ a: 1 }])
    },
  },
  {
    name: 'a temporary table made in a transaction is seen by the reads of db as well',
    async run({ open }) {
      const storage = await open()
      await storage.write((trx) => sql`create table temp.t as select 1 as a`.execute(trx))
      expect((await sql`select a from t`.execute(storage.db)).rows).toEqual([{ a: 1 }])
    },
  },
  {
    name: 'raw transaction control on db is refused with a sentence that says what to use',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      for (const text of controls) {
        const refused = sql.raw(text).execute(db)
        await expect(refused, text).rejects.toThrow(TransactionControlError)
        await expect(refused, text).rejects.toThrow('use db.transaction(), or db.connection() for raw')
      }
      await addNote(db, 'a')
      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'last_insert_rowid(), changes() and total_changes() on db are refused and name what to use',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'a')
      for (const name of ['last_insert_rowid', 'changes', 'total_changes']) {
        const refused = sql.raw(`select ${name}() as n`).execute(db)
        await expect(refused, name).rejects.toThrow(InvalidStatementError)
        await expect(refused, name).rejects.toThrow('use a RETURNING clause, insertId or numAffectedRows')
      }
    },
  },
  {
    name: 'last_insert_rowid(), changes() and total_changes() are right inside a transaction and connection()',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a', 'b')
      const tell = async (db: Kysely<AnyDatabase>): Promise<unknown> => {
        await sql`update note set text = text || '!'`.execute(db)
        const { rows } = await sql`select last_insert_rowid() as id, changes() as n`.execute(db)
        return rows[0]
      }
      const insertAndTell = async (db: Kysely<AnyDatabase>): Promise<unknown[]> => {
        await addNote(db, 'c')
        const { rows } = await sql`select last_insert_rowid() as id, changes() as n`.execute(db)
        return [rows[0], await tell(db)]
      }
      const inTransaction = await storage.write(insertAndTell)
      expect(inTransaction).toEqual([
        { id: 3, n: 1 },
        { id: 3, n: 3 },
      ])
      const inConnection = await storage.db.connection().execute(insertAndTell)
      expect(inConnection).toEqual([
        { id: 4, n: 1 },
        { id: 4, n: 4 },
      ])
      const askingFirst = storage.db.connection().execute(async (db) => {
        const total = async (): Promise<number> => {
          const { rows } = await sql<{ n: number }>`select total_changes() as n`.execute(db)
          return rows[0]?.n ?? Number.NaN
        }
        const before = await total()
        await insertAndTell(db)
        return (await total()) - before
      })
      expect(await askingFirst).toBe(6)
    },
  },
]

describeContract('statements that stand alone', cases)
