/** Kept statements never answer what was, and nothing of them is left when the connection closes. */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SyncConnection } from '../../adapters/_sync-connection.ts'
import type { SyncStatement } from '../../adapters/_sync-database.ts'
import { toStatement } from '../../src/connection/statement.ts'
import { adapters, connect, connectToNewFile, rowsOf } from './_local.ts'

describe.each(adapters)('statement cache on $name', ({ create }) => {
  test.each([0, 1])('a cache of %i statements works', async (maxCachedStatements) => {
    const connection = await connect(create({ url: ':memory:' }), { maxCachedStatements })

    expect(await rowsOf(connection, 'select ? a', [1])).toEqual([{ a: 1 }])
    expect(await rowsOf(connection, 'select ? b', [2])).toEqual([{ b: 2 }])
    expect(await rowsOf(connection, 'select ? a', [3])).toEqual([{ a: 3 }])
  })

  test('EXPLAIN of a write leaves nothing in progress', async () => {
    const connection = await connect(create({ url: ':memory:' }))
    await rowsOf(connection, 'create table t (a)')

    expect((await rowsOf(connection, 'explain insert into t values (1)')).length).toBeGreaterThan(1)

    await connection.begin('immediate')
    await connection.commit()
    expect(connection.inTransaction).toBe(false)
  })

  test('a statement that failed, or answered, leaves nothing in progress', async () => {
    const connection = await connect(create({ url: ':memory:' }))
    await rowsOf(connection, 'create table t (a unique)')
    await rowsOf(connection, 'insert into t values (1)')
    const fails = [
      'insert into t values (1)',
      'insert into t values (2), (1) returning a',
      `select json(value) from json_each('["1", "{"]')`,
    ]

    await connection.begin('immediate')
    for (const sql of fails) await expect(async () => rowsOf(connection, sql)).rejects.toThrow()
    await rowsOf(connection, 'insert into t values (3), (4) returning a')
    await connection.commit()
    await connection.exec('VACUUM')

    expect(await rowsOf(connection, 'select * from t')).toEqual([{ a: 1 }, { a: 3 }, { a: 4 }])
  })

  test('close() leaves no -wal and -shm, with statements cached, a stream open and one abandoned', async () => {
    const { path, connection } = await connectToNewFile(create)
    await rowsOf(connection, 'create table t (a)')
    await rowsOf(connection, 'insert into t values (1), (2), (3)')
    await rowsOf(connection, 'select * from t')
    await rowsOf(connection, 'insert into t values (4) returning a')
    const stream = connection.iterate?.(toStatement({ sql: 'select a from t', parameters: [] }, 'integer'))
    const iterator = stream?.[Symbol.iterator]()
    iterator?.next()
    expect(existsSync(`${path}-wal`)).toBe(true)

    await connection.close()
    await connection.close()
    iterator?.return?.()

    expect(existsSync(`${path}-wal`)).toBe(false)
    expect(existsSync(`${path}-shm`)).toBe(false)
  })
})

describe('statement cache', () => {
  function connectToFake(maxCachedStatements: number): { connection: SyncConnection; log: string[] } {
    const log: string[] = []
    const prepare = (sql: string): SyncStatement => {
      log.push(`prepare ${sql}`)
      return {
        returnsRows: false,
        setBigInts() {},
        all: () => [],
        run: () => ({ changes: 0, lastInsertRowid: 0 }),
        iterate: () => [].values(),
        finalize: () => log.push(`finalize ${sql}`),
      }
    }
    const database = {
      native: log,
      inTransaction: false,
      iterates: true,
      prepare,
      close: () => log.push('close'),
    }
    const release = () => log.push('release')
    return {
      connection: new SyncConnection(database, { integers: 'auto', maxCachedStatements }, release),
      log,
    }
  }
  const run = (connection: SyncConnection, sql: string, cacheable = true) =>
    connection.execute({ sql, parameters: [], kind: 'write', cacheable })

  test('the least recently used statement goes first, and close() finalizes the rest before it closes', () => {
    const { connection, log } = connectToFake(2)

    for (const sql of ['a', 'b', 'a', 'c', 'a']) run(connection, sql)
    expect(log).toEqual(['prepare a', 'prepare b', 'prepare c', 'finalize b'])
    log.length = 0
    connection.close()
    connection.close()

    expect(log).toEqual(['finalize c', 'finalize a', 'close', 'release'])
  })

  test('what must not be kept is finalized at once', () => {
    const { connection, log } = connectToFake(2)

    run(connection, 'a', false)
    connection.exec('b')

    expect(log).toEqual(['prepare a', 'finalize a', 'prepare b', 'finalize b'])
  })

  test('a stream has a statement of its own, finalized when it ends, and none before it starts', () => {
    const { connection, log } = connectToFake(2)
    const rows = connection.iterate?.({ sql: 'a', parameters: [], kind: 'read', cacheable: true })
    run(connection, 'a')
    expect(log).toEqual(['prepare a'])

    expect([...(rows ?? [])]).toEqual([])

    expect(log).toEqual(['prepare a', 'prepare a', 'finalize a'])
  })
})
