/** Transactions of the libSQL adapter: how they end, and that the connection can be used after each end. */

import { holdLock } from 'unbusy/testing'
import { describe, expect, test } from 'vitest'
import { LibsqlConnection } from '../../adapters/_libsql-connection.ts'
import type { Connection } from '../../src/connector.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { commitOne, holdReadLock, libsqlFile, walFile } from './_libsql.ts'
import { codeOf, rowsOf } from './_local.ts'

const busy = 5
const foreignKey = 787

async function countOf(connection: Connection): Promise<unknown> {
  return (await rowsOf(connection, 'select count(*) as n from t'))[0]?.n
}

describe('LibsqlConnection', () => {
  test('commits, and rolls back', async () => {
    const { connection } = await walFile()

    await commitOne(connection, 'insert into t values (1)')
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into t values (2)')
    expect(connection.inTransaction).toBe(true)
    await connection.rollback()

    expect(connection.inTransaction).toBe(false)
    expect(await rowsOf(connection, 'select a from t')).toEqual([{ a: 1 }])
  })

  test.each([
    ['OR ROLLBACK', 'insert or rollback into u values (1)'],
    ['RAISE(ROLLBACK)', 'delete from u'],
  ])('shows that SQLite ended the transaction by %s, and goes on', async (_name, sql) => {
    const { connection } = await walFile()
    await connection.exec('create table u (a unique); insert into u values (1)')
    await connection.exec("create trigger r before delete on u begin select raise(rollback, 'no'); end")
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into t values (1)')

    await expect(rowsOf(connection, sql)).rejects.toThrow()

    expect(connection.inTransaction).toBe(false)
    await connection.rollback()
    expect(await countOf(connection)).toBe(0)
    await commitOne(connection, 'insert into t values (2)')
    expect(await countOf(connection)).toBe(1)
  })

  test('runs savepoints and exec() inside the transaction', async () => {
    const { connection } = await walFile()

    await connection.begin('immediate')
    await connection.exec('savepoint s; insert into t values (1)')
    await rowsOf(connection, 'rollback to s')
    await connection.exec('insert into t values (2)')
    await rowsOf(connection, 'release s')
    expect(connection.inTransaction).toBe(true)
    await connection.commit()

    expect(await rowsOf(connection, 'select a from t')).toEqual([{ a: 2 }])
  })

  test('keeps the transaction when a deferred foreign key refuses the COMMIT', async () => {
    const { connector, connection } = await walFile()
    await connection.exec('create table p (id integer primary key)')
    await connection.exec('create table c (p references p deferrable initially deferred)')
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into c values (9)')

    const code = await codeOf(connector, () => connection.commit())

    expect(code).toBe(foreignKey)
    expect(connection.inTransaction).toBe(true)
    await connection.rollback()
    await commitOne(connection, 'insert into p values (9)')
    await commitOne(connection, 'insert into c values (9)')
    expect(await rowsOf(connection, 'select p from c')).toEqual([{ p: 9 }])
  })

  test('keeps the transaction when the COMMIT is busy, as it can be without WAL, and commits it later', async () => {
    const file = libsqlFile()
    const connection = await file.connect()
    await connection.exec('create table t (a)')
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into t values (1)')
    const reader = await holdReadLock(file.path)

    const codes = [
      await codeOf(file.connector, () => connection.commit()),
      await codeOf(file.connector, () => connection.commit()),
    ]
    expect(codes).toEqual([busy, busy])
    expect(connection.inTransaction).toBe(true)
    reader.goOn()
    expect(await reader.line()).toBe('released')
    await connection.commit()

    expect(await peerQuery(file.path, ['SELECT a FROM t'])).toEqual([{ a: 1 }])
  })

  test('leaves nothing in progress when a lock is busy inside a deferred transaction', async () => {
    const file = libsqlFile()
    const connection = await file.connect()
    await connection.exec('create table t (a)')
    await using lock = await holdLock(file.path, 20_000, { command: peerCommand(), begin: 'exclusive' })

    await connection.begin('deferred')
    expect(await codeOf(file.connector, () => connection.exec('select 1 from sqlite_schema'))).toBe(busy)
    await connection.rollback()
    await lock.release()

    expect(connection.inTransaction).toBe(false)
    expect(await countOf(connection)).toBe(0)
    expect(await peerQuery(file.path, ['INSERT INTO t VALUES (1)', 'SELECT a FROM t'])).toEqual([{ a: 1 }])
    expect(await countOf(connection)).toBe(1)
  })

  test('gives the lock back when it is closed inside a transaction, and answers afterwards', async () => {
    const { path, connection } = await walFile()
    await connection.begin('immediate')
    await rowsOf(connection, 'insert into t values (1)')

    await connection.close()

    // Not at once: the handle is collected later, and the last one to close checkpoints.
    expect(
      await peerQuery(path, ['PRAGMA busy_timeout = 2000', 'INSERT INTO t VALUES (2)', 'SELECT a FROM t']),
    ).toEqual([{ a: 2 }])
    // libSQL's own handle aborts the process when it is asked after its end.
    expect(connection.inTransaction).toBe(false)
    await connection.rollback()
    await connection.close()
  })

  test('is closed when it cannot roll back, as the client would put a connection without pragmas in its place', async () => {
    const calls: string[] = []
    const transaction = {
      closed: false,
      close: () => {},
      execute: () => Promise.reject(new Error('not asked for')),
      executeMultiple: async (sql: string) => {
        calls.push(sql)
        if (sql === 'ROLLBACK') throw new Error('disk I/O error')
      },
    }
    const client = {
      ...transaction,
      transaction: async () => transaction,
      close: () => void calls.push('close'),
    }
    const settings = { integers: 'auto', maxCachedStatements: 0 } as const
    const connection = new LibsqlConnection(
      client,
      settings,
      async () => {},
      async () => {},
    )

    await connection.begin('immediate')
    await expect(connection.rollback()).rejects.toThrow('disk I/O error')

    expect(calls).toEqual([expect.stringMatching(/^ROLLBACK;BEGIN immediate/), 'ROLLBACK', 'close'])
  })
})
