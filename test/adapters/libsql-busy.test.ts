/**
 * What follows after libSQL met a busy lock: without the adapter's way of taking locks the next writes are acknowledged
 * and lost, and reads stay in the past (test/faults/libsql-canary.test.ts shows it).
 */
import { holdLock } from 'unbusy/testing'
import { expect, test } from 'vitest'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { commitOne, startChild, walFile } from './_libsql.ts'
import { codeOf, connect, rowsOf } from './_local.ts'

const busy = 5
const statementsInProgress = "select sql from sqlite_stmt where busy and sql not like '%sqlite_stmt%'"

test('LibsqlConnection commits what is written after many busy BEGINs, and another process sees it', async () => {
  const { path, connector, connection } = await walFile()
  const lock = await holdLock(path, 20_000, { command: peerCommand() })

  const startedAt = performance.now()
  const codes: (number | undefined)[] = []
  for (let attempt = 0; attempt < 20; attempt++) {
    codes.push(await codeOf(connector, () => connection.begin(attempt % 2 === 0 ? 'immediate' : 'exclusive')))
    expect(connection.inTransaction).toBe(false)
  }
  const tookMs = performance.now() - startedAt
  const inProgress = await rowsOf(connection, statementsInProgress)
  await lock.release()
  await commitOne(connection, 'insert into t values (1)')

  expect(codes).toEqual(Array(20).fill(busy))
  expect(tookMs).toBeLessThan(2_000)
  expect(inProgress).toEqual([])
  expect(await peerQuery(path, ['SELECT a FROM t'])).toEqual([{ a: 1 }])
  // The lock is free again, and no snapshot pins the WAL.
  expect(
    await peerQuery(path, ['INSERT INTO t VALUES (2)', 'PRAGMA wal_checkpoint(TRUNCATE)']),
  ).toMatchObject([{ busy: 0 }])
  expect(await rowsOf(connection, 'select a from t')).toEqual([{ a: 1 }, { a: 2 }])
})

test('LibsqlConnection reads what another process committed meanwhile, on a reader that stands open', async () => {
  const { path, connector, connection } = await walFile()
  const reader = await connect(connector)
  await reader.exec('PRAGMA query_only = 1')
  const readings: unknown[] = []

  for (let a = 1; a <= 3; a++) {
    const lock = await holdLock(path, 20_000, { command: peerCommand() })
    await codeOf(connector, () => connection.begin('immediate'))
    readings.push((await rowsOf(reader, 'select count(*) as n from t'))[0]?.n)
    await lock.release()
    await peerQuery(path, [`INSERT INTO t VALUES (${a})`])
    readings.push((await rowsOf(reader, 'select count(*) as n from t'))[0]?.n)
  }

  expect(readings).toEqual([0, 1, 1, 2, 2, 3])
})

test('LibsqlConnection keeps memory flat over 100,000 statements in microtasks alone', async () => {
  // In a process of its own, as other tests would be measured too. Without its macrotask turns: +450 MB on Node and Bun.
  const child = startChild(`
    const { libsql } = await import(${JSON.stringify(new URL('../../adapters/libsql.ts', import.meta.url).href)})
    const connector = libsql({ url: ':memory:' })
    const connection = await connector.connect('writer', { integers: 'auto', maxCachedStatements: 0 })
    await connection.exec('create table t (id integer primary key, a); insert into t values (1, 1)')
    const read = async (times) => {
      const statement = { sql: 'select * from t where id = ?', parameters: [1n], kind: 'read', cacheable: true }
      while (times-- > 0) await connection.execute(statement)
      return process.memoryUsage().rss
    }
    const before = await read(5_000)
    console.log(Math.round(((await read(100_000)) - before) / 1e6))
    await connection.close()
  `)

  const grownMb = Number(await child.line())

  expect(grownMb).toBeLessThan(150)
}, 60_000)
