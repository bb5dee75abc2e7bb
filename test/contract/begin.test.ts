/** C2: a write transaction takes the lock first; a read-only one runs on a reader that cannot write. C4: once. */
import { type ControlledTransaction, type Kysely, sql } from 'kysely'
import { type Storage, UnsupportedError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes } from './note.ts'

/** Whether another process can take the write lock now. */
async function canBegin({ peer }: CaseContext): Promise<boolean> {
  const rows = await peer('pragma busy_timeout = 0', 'begin immediate').catch((error: Error) => error)
  if (!(rows instanceof Error)) return true
  expect(rows.message).toContain('database is locked')
  return false
}

/** Each way to begin a write transaction, with nothing run in it yet. */
const beginnings: Readonly<
  Record<string, (storage: Storage<AnyDatabase>, work: () => Promise<void>) => Promise<void>>
> = {
  'storage.write()': (storage, work) => storage.write(work),
  'db.transaction()': ({ db }, work) => db.transaction().execute(work),
  'db.transaction() of a plain Kysely over storage.dialect': async ({ dialect }, work) => {
    const { Kysely } = await import('kysely')
    await new Kysely<AnyDatabase>({ dialect }).transaction().execute(work)
  },
  'db.startTransaction()': async ({ db }, work) => {
    const transaction: ControlledTransaction<AnyDatabase> = await db.startTransaction().execute()
    await work()
    await transaction.commit().execute()
  },
}

const takingCases: ContractCase[] = Object.entries(beginnings).map(([what, begin]) => ({
  name: `C2 ${what} has the write lock before its first statement, and frees it at its end`,
  async run(context) {
    const storage = await context.open()
    await createNotes(storage.db)
    await begin(storage, async () => {
      expect(await canBegin(context)).toBe(false)
    })
    expect(await canBegin(context)).toBe(true)
  },
}))

function readOnly<T>(
  { db }: Storage<AnyDatabase>,
  callback: (trx: Kysely<AnyDatabase>) => Promise<T>,
): Promise<T> {
  return db.transaction().setAccessMode('read only').execute(callback)
}

const cases: ContractCase[] = [
  ...takingCases,
  {
    name: 'C2 a transaction that read first and writes then never meets a stale snapshot',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db, 'a')
      let other: Promise<unknown> | undefined
      await storage.write(async (trx) => {
        const before = await notes(trx)
        other = context.peer("insert into note (text) values ('peer')")
        await addNote(trx, `${before.length}`)
      })
      // The other process had to wait for the commit, or it would have written in between.
      await other
      expect(await notes(storage.db)).toEqual(['a', '1', 'peer'])
    },
  },
  {
    name: 'C2 a read-only transaction runs on a reader, beside an open write transaction',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db, 'a')
      const writing = await storage.db.startTransaction().execute()
      await addNote(writing, 'b')
      const seen = await readOnly(storage, async (trx) => {
        const { rows } = await sql`select query_only from pragma_query_only`.execute(trx)
        return [rows, await notes(trx)]
      })
      await writing.commit().execute()
      expect(seen).toEqual([[{ query_only: 1 }], ['a']])
      expect(await notes(storage.db)).toEqual(['a', 'b'])
    },
  },
  {
    name: 'C2 a read-only transaction sees one state of the database, that of its beginning',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db, 'a')
      const seen = await readOnly(storage, async (trx) => {
        await context.peer("insert into note (text) values ('b')")
        const first = await notes(trx)
        await context.peer("insert into note (text) values ('c')")
        return [first, await notes(trx)]
      })
      expect(seen).toEqual([['a'], ['a']])
      expect(await notes(storage.db)).toEqual(['a', 'b', 'c'])
    },
  },
  {
    name: 'C2 a read-only transaction refuses to write, and says that it is read-only',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      const texts = [
        "insert into note (text) values ('a')",
        'create table t (a)',
        'pragma user_version = 1',
        'vacuum',
      ]
      for (const text of texts) {
        const refused = readOnly(storage, (trx) => sql.raw(text).execute(trx))
        await expect(refused, text).rejects.toThrow(UnsupportedError)
        await expect(refused, text).rejects.toThrow('in a read-only transaction')
      }
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C2 a write that looks like a read fails in a read-only transaction, as its reader cannot write',
    not: { libsql: 'SQLite 3.45 has no read that writes: its pragma_optimize() looks at less' },
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
      const disguised = readOnly(storage, (trx) => sql`select * from pragma_optimize(0x10002)`.execute(trx))
      await expect(disguised).rejects.toMatchObject({ code: 'SQLITE_READONLY' })
    },
  },
  {
    name: 'C4 the callback of a transaction that had to wait for the lock runs once',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      await using lock = await context.holdLock(20_000)
      let calls = 0
      const writing = storage.write(async (trx) => {
        calls++
        await addNote(trx, 'a')
      })
      const reading = notes(storage.db)
      expect([await reading, calls]).toEqual([[], 0])
      await lock.release()
      await writing
      expect(calls).toBe(1)
      expect(await context.peer('select text from note')).toEqual([{ text: 'a' }])
    },
  },
  {
    name: 'C4 a callback that fails does not run again, whatever its error, a busy one included',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      let calls = 0
      const busy = Object.assign(new Error('database is locked'), {
        code: 'SQLITE_BUSY',
        errcode: 5,
        rawCode: 5,
        errno: 5,
      })
      const failing = storage.write(async (trx) => {
        calls++
        await addNote(trx, 'a')
        throw busy
      })
      await expect(failing).rejects.toBe(busy)
      expect(calls).toBe(1)
      expect(await notes(storage.db)).toEqual([])
    },
  },
]

describeContract('transactions', cases)
