/** Facts about `node:sqlite` that the adapter depends on: a runtime that changes one of them shows here. */
import { describe, expect, test, vi } from 'vitest'
import { quirksOf } from '../../adapters/_node-sqlite-quirks.ts'
import { NodeSqliteStatement } from '../../adapters/_node-sqlite-statement.ts'
import { nodeSqlite } from '../../adapters/node-sqlite.ts'
import { OpenError } from '../../src/errors.ts'
import { connect, runtime } from './_local.ts'

describe('node-sqlite', async () => {
  const { DatabaseSync } = await import('node:sqlite')

  test('quirksOf() finds what this runtime gets wrong', () => {
    const isNode22 = runtime === 'node' && process.versions.node.startsWith('22.')

    expect(quirksOf(DatabaseSync as never)).toEqual({
      countsColumnsEarly: runtime === 'deno' || isNode22,
      iteratorsHideErrors: runtime === 'deno',
      losesEmptyBlobs: isNode22,
    })
  })

  test.each([false, true])(
    'a statement names columns right with countsColumnsEarly: %s',
    (countsColumnsEarly) => {
      // The careful way must work everywhere, the fast one where the driver is right.
      if (!countsColumnsEarly && quirksOf(DatabaseSync as never).countsColumnsEarly) return
      const database = new DatabaseSync(':memory:')
      database.exec('create table t (id integer primary key, a); insert into t values (1, 10)')
      const quirks = { countsColumnsEarly, iteratorsHideErrors: false, losesEmptyBlobs: false }
      const prepare = (sql: string) => {
        const statement = new NodeSqliteStatement(database as never, sql, quirks)
        statement.setBigInts(false)
        return statement
      }
      const all = prepare('select * from t where id = ?')
      const rowid = prepare('select rowid from t')
      const fixed = prepare('select a, a, 1 as one from t')
      const insert = prepare('insert into t (a) values (?) returning *')
      expect(all.all([1])).toEqual([{ id: 1, a: 10 }])
      expect(all.all([2])).toEqual([])

      database.exec('alter table t add column b default 20; alter table t rename column id to key')
      expect(rowid.all([])).toEqual([{ key: 1 }])
      expect(insert.allOnce([11])).toEqual([{ key: 2, a: 11, b: 20 }])
      expect(fixed.all([])[0]).toEqual({ a: 10, one: 1 })
      database.exec('alter table t drop column b')
      expect(insert.allOnce([12])).toEqual([{ key: 3, a: 12 }])
      database.close()
    },
  )

  test('connect() rejects with OpenError where the module is missing or too old', async () => {
    vi.doMock('node:sqlite', () => {
      throw new Error('No such built-in module')
    })
    await expect(connect(nodeSqlite({ url: ':memory:' }))).rejects.toThrow('Cannot load node:sqlite')
    vi.doMock('node:sqlite', () => ({
      DatabaseSync: class {
        prepare = () => ({})
        close() {}
      },
    }))
    await expect(connect(nodeSqlite({ url: ':memory:' }))).rejects.toThrow(OpenError)
    vi.doUnmock('node:sqlite')
  })
})
