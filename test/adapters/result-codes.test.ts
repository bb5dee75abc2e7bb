/** The errors of every synchronous driver tell SQLite's extended result code (contract C9). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resultCodeName } from '../../src/result-code.ts'
import {
  adapters,
  codeOf,
  connect,
  connectToNewFile,
  lockElsewhere,
  rowsOf,
  runElsewhere,
  temporaryFolder,
} from './_local.ts'

describe.each(adapters)('result codes on $name', ({ create }) => {
  test('BUSY at BEGIN, at a lone write and at exec(), without blocking, and nothing is left behind', async () => {
    const { path, connector, connection } = await connectToNewFile(create)
    await connection.exec('PRAGMA busy_timeout = 0')
    await rowsOf(connection, 'create table t (a)')
    const unlock = await lockElsewhere(path)

    const startedAt = performance.now()
    const codes = [
      await codeOf(connector, () => connection.begin('immediate')),
      await codeOf(connector, () => rowsOf(connection, 'insert into t values (1)')),
      await codeOf(connector, () => rowsOf(connection, 'insert into t values (1) returning *')),
      await codeOf(connector, () => connection.exec('PRAGMA user_version = 3')),
    ]
    const tookMs = performance.now() - startedAt

    expect(codes.map((code) => code && resultCodeName(code))).toEqual(Array(4).fill('SQLITE_BUSY'))
    expect(tookMs).toBeLessThan(1000)
    expect(connection.inTransaction).toBe(false)
    expect(await rowsOf(connection, 'select * from t')).toEqual([])
    await unlock()
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into t values (2)')
    await connection.commit()
    expect(await rowsOf(connection, 'select * from t')).toEqual([{ a: 2 }])
  })

  test('BUSY_SNAPSHOT where another process wrote after the first read', async () => {
    const { path, connector, connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (a)')
    await connection.begin('deferred')
    await rowsOf(connection, 'select * from t')
    runElsewhere(path, 'insert into t values (1)')

    const code = await codeOf(connector, () => rowsOf(connection, 'insert into t values (2)'))

    expect(resultCodeName(code ?? 0)).toBe('SQLITE_BUSY_SNAPSHOT')
    expect(connection.inTransaction).toBe(true)
    await connection.rollback()
    expect(await rowsOf(connection, 'select * from t')).toEqual([{ a: 1 }])
  })

  test('constraints, with their kind', async () => {
    const connector = create({ url: ':memory:' })
    const connection = await connect(connector)
    await connection.exec('PRAGMA foreign_keys = 1')
    await rowsOf(
      connection,
      'create table t (id integer primary key, a unique, b not null default 0, c check (c > 0))',
    )
    await rowsOf(connection, 'create table child (t integer references t)')
    await rowsOf(connection, 'insert into t (id, a) values (1, 1)')
    const nameOf = async (sql: string) =>
      resultCodeName((await codeOf(connector, () => rowsOf(connection, sql))) ?? 0)

    expect(await nameOf('insert into t (id) values (1)')).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
    expect(await nameOf('insert into t (a) values (1)')).toBe('SQLITE_CONSTRAINT_UNIQUE')
    expect(await nameOf('insert into t (a) values (1) returning id')).toBe('SQLITE_CONSTRAINT_UNIQUE')
    expect(await nameOf('insert into t (b) values (null)')).toBe('SQLITE_CONSTRAINT_NOTNULL')
    expect(await nameOf('insert into t (c) values (0)')).toBe('SQLITE_CONSTRAINT_CHECK')
    expect(await nameOf('insert into child values (9)')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY')
    expect(await nameOf('select * from missing')).toBe('SQLITE_ERROR')
  })

  test('READONLY on a query_only connection', async () => {
    const { connector, connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (a)')
    await connection.exec('PRAGMA query_only = 1')

    const code = await codeOf(connector, () => rowsOf(connection, 'insert into t values (1)'))

    expect(resultCodeName(code ?? 0)).toBe('SQLITE_READONLY')
  })

  test('NOTADB at the first statement, not at connect()', async () => {
    const path = join(temporaryFolder(), 'text.db')
    writeFileSync(path, 'This is not a database, and long enough to be looked at. '.repeat(20))
    const connector = create({ url: path })
    const connection = await connect(connector)

    const code = await codeOf(connector, () => connection.exec('PRAGMA journal_mode = WAL'))

    expect(resultCodeName(code ?? 0)).toBe('SQLITE_NOTADB')
  })

  test('undefined for what is not an error of SQLite', () => {
    const connector = create({ url: ':memory:' })

    expect(connector.resultCodeOf(new Error('SQLITE_BUSY'))).toBeUndefined()
    expect(
      connector.resultCodeOf(Object.assign(new Error('no'), { code: 'ENOENT', errno: -2 })),
    ).toBeUndefined()
  })
})
