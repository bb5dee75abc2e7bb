/** Streams: exact, freed when they end early, and absent where the driver's would hide an error. */
import { describe, expect, test } from 'vitest'
import { toStatement } from '../../src/connection/statement.ts'
import type { Connection } from '../../src/connector.ts'
import type { Row } from '../../src/values.ts'
import { adapters, connect, connectToNewFile, rowsOf, runtime } from './_local.ts'

const threeRows = 'select column1 a from (values (1), (9007199254740993), (3))'

function iterate(connection: Connection, sql: string): Iterable<Row> {
  const rows = connection.iterate?.(toStatement({ sql, parameters: [] }, 'integer'))
  if (rows === undefined) throw new Error('This connection has no iterate')
  return rows
}

describe.each(adapters)('iterate() on $name', ({ create, name }) => {
  test('is missing on Deno only, whose iterators hide errors', async () => {
    const connection = await connect(create({ url: ':memory:' }))

    expect(connection.iterate === undefined).toBe(runtime === 'deno')
  })

  test.skipIf(runtime === 'deno')('reads integers exactly', async () => {
    const connection = await connect(create({ url: ':memory:' }))

    expect([...iterate(connection, threeRows)]).toEqual([{ a: 1 }, { a: 9007199254740993n }, { a: 3 }])
    expect([...iterate(connection, `select *, x'' e from (${threeRows}) limit 1`)]).toEqual([
      { a: 1, e: new Uint8Array(0) },
    ])
  })

  test.skipIf(runtime === 'deno')('frees the connection when the loop ends early', async () => {
    const { connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (a)')
    await rowsOf(connection, 'insert into t values (1), (2)')

    for (const row of iterate(connection, 'select a from t')) {
      expect(row).toEqual({ a: 1 })
      break
    }

    await rowsOf(connection, 'insert into t values (3)')
    expect(await rowsOf(connection, 'PRAGMA wal_checkpoint(TRUNCATE)')).toEqual([
      { busy: 0, log: 0, checkpointed: 0 },
    ])
  })

  test.skipIf(runtime === 'deno')('goes on while the same text runs again', async () => {
    const connection = await connect(create({ url: ':memory:' }))
    await rowsOf(connection, threeRows)
    const seen: unknown[] = []

    for (const { a } of iterate(connection, threeRows)) {
      seen.push(a)
      expect(await rowsOf(connection, threeRows)).toHaveLength(3)
    }

    expect(seen).toEqual([1, 9007199254740993n, 3])
  })

  test.runIf(name === 'better-sqlite3')(
    'keeps writes and transactions off its connection until it ends',
    async () => {
      const connection = await connect(create({ url: ':memory:' }))
      await rowsOf(connection, 'create table t (a)')

      for (const _ of iterate(connection, threeRows)) {
        await expect(async () => rowsOf(connection, 'insert into t values (1)')).rejects.toThrow(
          'busy executing',
        )
        await expect(async () => connection.begin('immediate')).rejects.toThrow('busy executing')
      }

      await rowsOf(connection, 'insert into t values (2)')
      expect(await rowsOf(connection, 'select a from t')).toEqual([{ a: 2 }])
    },
  )

  test.skipIf(runtime === 'deno')('throws an error that comes after the first row', async () => {
    const connection = await connect(create({ url: ':memory:' }))
    const seen: Row[] = []
    const read = () => {
      for (const row of iterate(connection, `select json(value) j from json_each('["1", "{"]')`))
        seen.push(row)
    }

    expect(read).toThrow('malformed JSON')
    expect(seen).toEqual([{ j: '1' }])
    await connection.begin('immediate')
    await connection.commit()
  })

  test.skipIf(runtime === 'deno')('prepares nothing before the first row is asked for', async () => {
    const connection = await connect(create({ url: ':memory:' }))

    const rows = iterate(connection, 'select * from missing')

    expect(() => [...rows]).toThrow('no such table')
  })
})
