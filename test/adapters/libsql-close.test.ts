/**
 * What libSQL leaves on disk. SQLite keeps a closed connection, with `-wal` and `-shm`, until its statements are
 * finalized, which in libSQL only garbage collection does; so closing the connector collects.
 */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { nodeSqlite } from 'unbusy/node-sqlite'
import { expect, test } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import { commitOne, libsqlFile, startChild, walFile } from './_libsql.ts'
import { codeOf, connect, rowsOf, runtime, temporaryFolder } from './_local.ts'

const withSidecars = ['test.db', 'test.db-shm', 'test.db-wal']

test.each(Array.from({ length: 5 }, (_, index) => index))(
  'Connector.close() of libsql leaves nothing but the database (%i)',
  async () => {
    const { path, connector, connection } = await walFile()
    const reader = await connect(connector)
    for (let a = 0; a < 100; a++) {
      await commitOne(connection, 'insert into t values (?)', [a])
      await rowsOf(reader, 'select * from t where a = ?', [a])
    }
    await codeOf(connector, () => rowsOf(connection, 'insert into missing values (1)'))
    await reader.begin('deferred')
    expect(filesOf(path)).toEqual(withSidecars)

    await reader.close()
    await connection.close()
    await connector.close?.()

    expect(filesOf(path)).toEqual(['test.db'])
    expect(await peerQuery(path, ['SELECT count(*) AS n FROM t'])).toEqual([{ n: 100 }])
  },
)

test('Connector.close() of libsql lets another engine have the file, and not earlier', async () => {
  const { path, connector, connection } = await walFile()
  const other = nodeSqlite({ url: path })

  await connection.close()
  await expect(connect(other)).rejects.toThrow('this process has it open with libsql')
  await connector.close?.()
  expect(filesOf(path)).toEqual(['test.db'])

  expect(await rowsOf(await connect(other), 'select count(*) as n from t')).toEqual([{ n: 0 }])
})

test('Connector.close() of libsql keeps the file while another storage uses the connector', async () => {
  const { path, connector, connection } = await walFile()
  const shared = await connect(connector)
  const other = nodeSqlite({ url: path })

  await connection.close()
  await connector.close?.()
  await expect(connect(other)).rejects.toThrow('this process has it open with libsql')
  await commitOne(shared, 'insert into t values (1)')
  await shared.close()
  await connector.close?.()

  expect(filesOf(path)).toEqual(['test.db'])
  expect(await rowsOf(await connect(other), 'select count(*) as n from t')).toEqual([{ n: 1 }])
})

test('Connector.close() of libsql keeps the file until a reader that was lent comes back', async () => {
  const { path, connector, connection } = await walFile()
  const reader = await connect(connector)
  const other = nodeSqlite({ url: path })

  await connection.close()
  await connector.close?.()
  await expect(connect(other)).rejects.toThrow('this process has it open with libsql')
  await reader.close()

  expect(filesOf(path)).toEqual(['test.db'])
  expect(await rowsOf(await connect(other), 'select count(*) as n from t')).toEqual([{ n: 0 }])
})

test('Connector.close() of libsql lets the connector be used again', async () => {
  const { path, connector, connection } = await walFile()
  await connection.close()
  await connector.close?.()

  const again = await connect(connector)
  await commitOne(again, 'insert into t values (1)')
  await again.close()
  await connector.close?.()

  expect(filesOf(path)).toEqual(['test.db'])
})

test('Connector.close() of libsql leaves no file that another process still uses', async () => {
  const file = libsqlFile()
  const connection = await file.connect()
  await connection.exec('PRAGMA journal_mode = WAL; create table t (a)')
  const child = startChild(
    openAndWrite(file.path, 'await told(); await connection.close(); await connector.close()'),
  )
  expect(await child.line()).toBe('written')

  await connection.close()
  await file.connector.close?.()

  expect(filesOf(file.path)).toEqual(withSidecars)
  child.goOn()
  expect(await child.line()).toBe(undefined)
  expect(filesOf(file.path)).toEqual(['test.db'])
})

test.each([
  [
    'close() and process.exit() at once',
    'await connection.close(); await connector.close(); process.exit()',
    ['test.db'],
  ],
  ['process.exit() without a close', 'process.exit()', withSidecars],
  ['an end without a close', '', runtime === 'bun' ? withSidecars : ['test.db']],
] as const)('a process that ends with %s leaves what is known', async (_name, ending, expected) => {
  const path = `${temporaryFolder()}/test.db`

  const child = startChild(openAndWrite(path, ending))
  expect(await child.line()).toBe('written')
  expect(await child.line()).toBe(undefined)

  expect(filesOf(path)).toEqual(expected)
  // Whatever is left, nothing is lost by it, and the next program cleans up.
  expect(await peerQuery(path, ['SELECT a FROM t'])).toEqual([{ a: 1 }])
  expect(filesOf(path)).toEqual(['test.db'])
})

function filesOf(path: string): string[] {
  return readdirSync(dirname(path)).sort()
}

function openAndWrite(path: string, ending: string): string {
  return `
    const { libsql } = await import(${JSON.stringify(new URL('../../adapters/libsql.ts', import.meta.url).href)})
    const connector = libsql({ url: ${JSON.stringify(path)} })
    const connection = await connector.connect('writer', { integers: 'auto', maxCachedStatements: 0 })
    const run = (sql) => connection.execute({ sql, parameters: [], kind: 'write', cacheable: false })
    await connection.exec('PRAGMA journal_mode = WAL; create table if not exists t (a)')
    await run('insert into t values (1)')
    await run('select * from t')
    console.log('written')
    ${ending}
  `
}
