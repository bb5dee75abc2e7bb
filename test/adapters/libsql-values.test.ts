/** Values, rows and counts of the libSQL adapter. */
import { libsql } from 'unbusy/libsql'
import { describe, expect, test } from 'vitest'
import { commitOne, libsqlFile } from './_libsql.ts'
import { connect, rowsOf } from './_local.ts'

describe('libsql() values', () => {
  test('come back as they were bound', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))
    const values = [null, 5, -1.5, 2n ** 62n, 'größe', '', new Uint8Array([0, 255]), new Uint8Array(0)]

    const rows = await rowsOf(connection, 'select ? a, ? b, ? c, ? d, ? e, ? f, ? g, ? h, typeof(?) i', [
      ...values,
      5,
    ])

    expect(Object.values(rows[0] ?? {})).toEqual([...values, 'integer'])
  })

  test('are plain rows in which the last of two columns of one name wins', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))

    const rows = await rowsOf(connection, 'select 1 as a, 2 as b, 3 as a')

    expect(rows).toStrictEqual([{ a: 3, b: 2 }])
    expect(Object.getOwnPropertyNames(rows[0])).toEqual(['a', 'b'])
  })

  test.each([
    ['auto', [1, 2n ** 53n + 1n]],
    ['bigint', [1n, 2n ** 53n + 1n]],
  ] as const)('hold integers exactly when they are read as %s', async (integers, expected) => {
    const connection = await connect(libsql({ url: ':memory:' }), { integers })

    const rows = await rowsOf(connection, 'select 1 as a, 9007199254740993 as b')

    expect(Object.values(rows[0] ?? {})).toEqual(expected)
  })

  test('hold rowids beyond 2^53 exactly, which the client rounds', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))
    await connection.exec('create table t (id integer primary key)')
    const insert = (id: bigint) =>
      connection.execute({
        sql: 'insert into t values (?)',
        parameters: [id],
        kind: 'write',
        cacheable: false,
      })

    await connection.begin('immediate')
    const rowids = [
      (await insert(7n)).lastInsertRowid,
      (await insert(2n ** 53n + 1n)).lastInsertRowid,
      (await insert(-(2n ** 60n) - 1n)).lastInsertRowid,
    ]
    await connection.commit()

    expect(rowids).toEqual([7n, 2n ** 53n + 1n, -(2n ** 60n) - 1n])
  })

  test('count the rows that changed', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))
    await connection.exec('create table t (a); insert into t values (1), (2)')
    const changesOf = async (sql: string) =>
      (await connection.execute({ sql, parameters: [], kind: 'write', cacheable: false })).changes

    expect(await changesOf('update t set a = a + 1')).toBe(2)
    expect(await changesOf('update t set a = 0 where a = 99')).toBe(0)
    expect(await rowsOf(connection, 'delete from t returning a')).toEqual([{ a: 2 }, { a: 3 }])
  })

  test('of text are cut at U+0000 when they are read, by libSQL itself', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))

    const rows = await rowsOf(
      connection,
      "select 'a' || char(0) || 'b' as text, length(cast('a' || char(0) || 'b' as blob)) as size",
    )

    expect(rows).toEqual([{ text: 'a', size: 3 }])
  })

  test('keep their order when statements are sent together', async () => {
    const connection = await connect(libsql({ url: ':memory:' }))
    await connection.exec('create table t (id integer primary key, a)')
    const numbers = Array.from({ length: 200 }, (_, index) => index)

    await connection.begin('immediate')
    await Promise.all(numbers.map((number) => rowsOf(connection, 'insert into t (a) values (?)', [number])))
    await connection.commit()

    expect((await rowsOf(connection, 'select a from t order by id')).map(({ a }) => a)).toEqual(numbers)
  })

  test('reach disk through one connection and are read through another', async () => {
    const file = libsqlFile()
    const writer = await file.connect()
    const reader = await file.connect()
    await writer.exec('PRAGMA journal_mode = WAL; create table t (a)')

    await commitOne(writer, 'insert into t values (?)', [1])

    expect(await rowsOf(reader, 'select a from t')).toEqual([{ a: 1 }])
  })
})
