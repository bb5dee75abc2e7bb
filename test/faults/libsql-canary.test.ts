/**
 * The faults that the libSQL adapter works around, shown without it. A test here fails when its fault is gone: then the
 * workaround can go too.
 */
import { holdLock } from 'unbusy/testing'
import { expect, test } from 'vitest'
import { startChild } from '../adapters/_libsql.ts'
import { temporaryFolder } from '../adapters/_local.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'

test('@libsql/client acknowledges and loses writes after one BUSY, so the adapter takes locks by executeMultiple()', async () => {
  const path = `${temporaryFolder()}/canary.db`
  await peerQuery(path, ['PRAGMA journal_mode = WAL', 'CREATE TABLE t (a)'])
  const lock = await holdLock(path, 20_000, { command: peerCommand() })
  const child = startChild(`
    import Database from 'libsql'
    import { createClient } from '@libsql/client'
    // The fault ends when the statement is garbage, which must not happen by chance in the middle of this.
    const { prepare } = Database.prototype
    globalThis.statements = []
    Database.prototype.prepare = function (sql) {
      const statement = prepare.call(this, sql)
      statements.push(statement)
      return statement
    }
    const client = createClient({ url: ${JSON.stringify(`file:${path}`)}, concurrency: 1, timeout: 0 })
    await client.execute('insert into t values (0)').catch(({ code }) => console.log(code))
    await told()
    let acknowledged = 0
    for (let i = 0; i < 3; i++) acknowledged += (await client.execute('insert into t values (1)')).rowsAffected
    console.log(acknowledged)
    setInterval(() => {}, 1000)
  `)
  expect(await child.line()).toBe('SQLITE_BUSY')
  await lock.release()

  child.goOn()
  const acknowledged = Number(await child.line())
  await child.kill()
  const committed = (await peerQuery(path, ['SELECT a FROM t'])).length

  expect(acknowledged).toBe(3)
  expect(
    committed,
    'libsql-js #237 is fixed: writes after a BUSY are committed. Make begin(), commit() and rollback() of ' +
      'adapters/_libsql-connection.ts plain statements, and say autocommit: true in adapters/libsql.ts',
  ).toBe(0)
})

test('two SQLite engines in one process ignore the locks of each other and lose a write, so the registry refuses the second', async () => {
  const path = `${temporaryFolder()}/canary.db`
  const child = startChild(`
    import { DatabaseSync } from 'node:sqlite'
    import { createClient } from '@libsql/client'
    const database = new DatabaseSync(${JSON.stringify(path)}, { timeout: 0 })
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('CREATE TABLE t (engine)')
    database.exec('BEGIN IMMEDIATE')
    database.exec("INSERT INTO t VALUES ('node:sqlite')")
    const client = createClient({ url: ${JSON.stringify(`file:${path}`)}, timeout: 0 })
    const { rowsAffected } = await client.execute("insert into t values ('libsql')")
    database.exec('COMMIT')
    console.log(rowsAffected)
    setInterval(() => {}, 1000)
  `)

  const acknowledged = await child.line()
  await child.kill()
  const committed = await peerQuery(path, ['SELECT engine FROM t'])

  // From another process the second write would have been SQLITE_BUSY.
  expect(acknowledged).toBe('1')
  expect(committed).toEqual([{ engine: 'node:sqlite' }])
})
