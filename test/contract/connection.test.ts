/** `db.connection()`: it starts lazily and sticks to the writer. */
import { sql } from 'kysely'
import { ConstraintError, UnsupportedError } from 'unbusy'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes } from './note.ts'
import { run, runsOnReader } from './run-sql.ts'

const cases: ContractCase[] = [
  {
    name: 'connection() reads on a reader until its first write, and on the writer from then on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const seen = await db.connection().execute(async (connection) => {
        const before = await runsOnReader(connection)
        await addNote(connection, 'a')
        return [before, await runsOnReader(connection), await notes(connection)]
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
    name: 'PRAGMA ignore_check_constraints and others that are set inside connection() or a transaction end with it',
    async run({ open }) {
      const { db } = await open()
      await run(db, 'create table t (a check (a > 0))', 'insert into t values (1)')
      const set = [
        'pragma ignore_check_constraints = 1',
        'pragma Case_Sensitive_Like(on)',
        'pragma cache_size = 77',
      ]
      const violation = 'insert into t values (-1)'
      const about = sql`select cache_size, 'a' like 'A' as is_like from pragma_cache_size`
      const seen = () =>
        db.connection().execute(async (connection) => {
          await run(connection, 'pragma user_version')
          return (await about.execute(connection)).rows
        })
      const before = await seen()

      await db.connection().execute((connection) => run(connection, ...set, ...set, violation))
      await expect(run(db, violation)).rejects.toThrow(ConstraintError)
      expect(await seen()).toEqual(before)

      await db.transaction().execute((trx) => run(trx, ...set, violation))
      await expect(run(db, violation)).rejects.toThrow(ConstraintError)
      expect(await seen()).toEqual(before)
      expect(await db.selectFrom('t').select('a').execute()).toEqual([{ a: 1 }, { a: -1 }, { a: -1 }])
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
