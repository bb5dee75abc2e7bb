/** A kept statement, and one prepared anew, answer the columns that the table has now, whoever changed it. */
import { describe, expect, test } from 'vitest'
import { toStatement } from '../../src/connection/statement.ts'
import { adapters, connect, connectToNewFile, rowsOf, runElsewhere } from './_local.ts'

describe.each(adapters)('schema changes on $name', ({ create }) => {
  test('a cached select * has the columns that the table has now', async () => {
    const connection = await connect(create({ url: ':memory:' }))
    await rowsOf(connection, 'create table t (id integer primary key, a, b)')
    await rowsOf(connection, 'insert into t values (1, 10, 20)')
    const all = () => rowsOf(connection, 'select * from t')
    expect(await all()).toEqual([{ id: 1, a: 10, b: 20 }])

    await rowsOf(connection, 'alter table t add column c default 30')
    expect(await all()).toEqual([{ id: 1, a: 10, b: 20, c: 30 }])
    await rowsOf(connection, 'alter table t drop column a')
    expect(await all()).toEqual([{ id: 1, b: 20, c: 30 }])
    await rowsOf(connection, 'alter table t rename column b to bb')
    expect(await all()).toEqual([{ id: 1, bb: 20, c: 30 }])
  })

  test('select * and RETURNING * follow a schema that another process changed', async () => {
    const { path, connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (id integer primary key, a, b)')
    await rowsOf(connection, 'insert into t values (1, 10, 20)')
    const kept = 'select * from t where id = 1'
    const insert = 'insert into t (a) values (11) returning *'
    await rowsOf(connection, kept)
    await rowsOf(connection, insert)

    runElsewhere(path, 'alter table t drop column a; alter table t add column c default 30')
    expect(await rowsOf(connection, kept)).toEqual([{ id: 1, b: 20, c: 30 }])
    runElsewhere(path, 'alter table t add column d default 40')
    expect(await rowsOf(connection, 'select t.* from t where id = 1')).toEqual([
      { id: 1, b: 20, c: 30, d: 40 },
    ])
    runElsewhere(path, 'alter table t add column a default 50; alter table t drop column b')
    expect(await rowsOf(connection, insert)).toEqual([{ id: 3, c: 30, d: 40, a: 11 }])
    runElsewhere(path, 'alter table t add column e default 60')
    expect(await rowsOf(connection, insert)).toEqual([{ id: 4, c: 30, d: 40, a: 11, e: 60 }])
    runElsewhere(path, 'alter table t rename column c to cc')
    const stream = connection.iterate?.(toStatement({ sql: kept, parameters: [] }, 'integer'))
    expect(stream === undefined ? await rowsOf(connection, kept) : [...stream]).toEqual([
      { id: 1, cc: 30, d: 40, a: 50, e: 60 },
    ])
  })
})
