/** Where reads and writes go that are no part of a transaction (DESIGN.md, "Where a statement goes"). */
import { type RawBuilder, sql } from 'kysely'
import { SqliteError, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes } from './note.ts'
import { runsOnReader } from './run-sql.ts'

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

describeContract('reads and writes', cases)
