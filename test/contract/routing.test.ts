/** Where a statement goes that stands alone: a case for each line of DESIGN.md, "Where a statement goes". */
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { InvalidStatementError, SqliteError, type Storage, TransactionControlError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes } from './note.ts'

const queryOnly = sql<{ query_only: number }>`select query_only from pragma_query_only`

async function runsOnReader(db: Kysely<AnyDatabase>): Promise<boolean> {
  return (await queryOnly.execute(db)).rows[0]?.query_only === 1
}

/** Keeps the writer in an open transaction while `work` runs; what waits for the writer cannot end in there. */
async function whileWriting<T>(storage: Storage<AnyDatabase>, work: () => Promise<T>): Promise<T> {
  const transaction = await storage.db.startTransaction().execute()
  try {
    return await work()
  } finally {
    await transaction.rollback().execute()
  }
}

const reads: readonly string[] = [
  'select text from note',
  '/* a comment */ SELECT text FROM note',
  'with n as (select text from note) select text from n',
  "values ('a')",
  'explain select text from note',
  'explain query plan select text from note',
  "explain insert into note (text) values ('x')",
]

const writes: readonly string[] = [
  "insert into note (text) values ('b')",
  "insert into note (text) values ('b') returning id",
  "with n as (select 'b' as text) insert into note (text) select text from n",
  "replace into note (id, text) values (1, 'b')",
  "update note set text = 'b'",
  'delete from note',
  'create table other (a)',
  'drop table note',
  'alter table note add column more',
  'create index by_text on note (text)',
  'analyze',
  'reindex',
]

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
    name: 'a read goes to a reader, and answers while a transaction has the writer',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      expect(await runsOnReader(storage.db)).toBe(true)
      await whileWriting(storage, async () => {
        for (const text of reads) {
          const { rows } = await sql.raw(text).execute(storage.db)
          expect(rows.length, text).toBeGreaterThan(0)
        }
        expect(await notes(storage.db)).toEqual(['a'])
      })
    },
  },
  {
    name: 'a write, DDL included, goes to the writer: it waits for an open transaction',
    async run({ open }) {
      const storage = await open({ lockTimeoutMs: 20 })
      for (const text of writes) {
        await sql`drop table if exists note`.execute(storage.db)
        await createNotes(storage.db, 'a')
        await whileWriting(storage, async () => {
          await expect(sql.raw(text).execute(storage.db), text).rejects.toThrow('transaction of this process')
        })
        await sql.raw(text).execute(storage.db)
      }
    },
  },
  {
    name: 'a CTE in front of an INSERT is a write, and tells what it changed',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const insert = sql`with n (text) as (values ('a'), ('b')) insert into note (text) select text from n`
      const { rows, numAffectedRows, insertId } = await insert.execute(db)
      expect({ rows, numAffectedRows, insertId }).toEqual({ rows: [], numAffectedRows: 2n, insertId: 2n })
      expect(await notes(db)).toEqual(['a', 'b'])
    },
  },
  {
    name: 'INSERT … RETURNING is a write that answers rows',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      const { rows, numAffectedRows } =
        await sql`insert into note (text) values ('a') returning id, text`.execute(db)
      expect({ rows, numAffectedRows }).toEqual({ rows: [{ id: 1, text: 'a' }], numAffectedRows: 1n })
      expect(await db.insertInto('note').values({ text: 'b' }).returning('id').execute()).toEqual([{ id: 2 }])
      expect(await peer('select text from note')).toEqual([{ text: 'a' }, { text: 'b' }])
    },
  },
  {
    name: 'a write that looks like a read is refused by the reader, where nothing of it ran, and goes to the writer',
    not: { libsql: 'SQLite 3.45 has no read that writes: its pragma_optimize() looks at less' },
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
      await sql`select * from pragma_optimize(0x10002)`.execute(db)
      const { rows } = await sql<{ tbl: string }>`select distinct tbl from sqlite_stat1`.execute(db)
      expect(rows).toEqual([{ tbl: 'note' }])
    },
  },
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
    name: 'a statement that nobody knows goes to the writer, and SQLite says what is wrong with it',
    async run({ open }) {
      const { db } = await open()
      await expect(sql`frobnicate the database`.execute(db)).rejects.toMatchObject({ code: 'SQLITE_ERROR' })
    },
  },
  {
    name: 'C9 an error of a stream is a SqliteError, at its first row and behind it, and its reader serves the next one',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'a', '{')
      const consume = async (texts: RawBuilder<unknown>): Promise<void> => {
        for await (const _ of db
          .selectFrom(sql`(select ${texts} as text from note)`.as('t'))
          .selectAll()
          .stream(1));
      }
      await expect(consume(sql`nonsense`)).rejects.toThrow(SqliteError)
      await expect(consume(sql`json(text)`)).rejects.toMatchObject({
        name: 'SqliteError',
        code: 'SQLITE_ERROR',
      })
      await expect(consume(sql`json_quote(text)`)).resolves.toBeUndefined()
      await addNote(db, 'b')
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
    },
  },
  {
    name: 'reads that never pause do not starve a write: every 32nd lets it go on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let isWritten = false
      const transaction = await db.startTransaction().execute()
      const writing = addNote(db, 'a').then(() => {
        isWritten = true
      })
      setImmediate(() => void transaction.commit().execute())
      let reads = 0
      for (; !isWritten && reads < 10_000; reads++) await sql`select 1`.execute(db)
      await writing
      expect(reads).toBeLessThan(1_000)
    },
  },
]

describeContract('where a statement goes', cases)
