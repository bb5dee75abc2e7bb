/** Options of the libSQL adapter, and what it opens. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError, OpenError } from 'unbusy'
import { libsql } from 'unbusy/libsql'
import { nodeSqlite } from 'unbusy/node-sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { libsqlFile } from './_libsql.ts'
import { codeOf, connect, rowsOf, temporaryFolder } from './_local.ts'

describe('libsql() options', () => {
  test.each(['concurrency', 'timeout', 'intMode', 'syncUrl', 'url'])('refuse driverOptions.%s', (name) => {
    expect(() => libsql({ url: ':memory:', driverOptions: { [name]: 1 } })).toThrow(ConfigError)
  })

  test('pass encryptionKey on: without it the file is not a database', async () => {
    const file = libsqlFile('secret.db', { driverOptions: { encryptionKey: 'correct horse' } })
    const connection = await file.connect()
    await connection.exec('create table t (a); insert into t values (1)')

    const withoutKey = libsql({ url: file.path })

    expect(await rowsOf(connection, 'select a from t')).toEqual([{ a: 1 }])
    expect(await codeOf(withoutKey, async () => rowsOf(await connect(withoutKey), 'select a from t'))).toBe(
      26,
    )
    await withoutKey.close?.()
  })

  test('say what the connector can do', () => {
    expect(libsql({ url: ':memory:' }).capabilities).toEqual({ singleConnection: true, autocommit: false })
    expect(libsql({ url: 'file:app.db' }).capabilities).toEqual({
      singleConnection: false,
      autocommit: false,
    })
  })
})

describe('libsql() opens', () => {
  const names = [
    'a b',
    'a%b',
    'a%20b',
    'a?b=1',
    'a#b',
    'a&b',
    'größe',
    '日本',
    '😀',
    'a:b',
    "it's",
    'a;b',
    'a\\b',
  ]

  test.each(names)('the very path %s', async (name) => {
    const file = libsqlFile(`${name}/${name}.db`)
    mkdirSync(dirname(file.path))

    await (await file.connect()).exec('create table t (a)')

    expect(readdirSync(dirname(file.path))).toEqual([`${name}.db`])
  })

  test('a percent-encoded file: URL', async () => {
    const folder = temporaryFolder()
    const connector = libsql({ url: `file://${folder}/a%20%25%23.db` })
    onTestFinished(async () => connector.close?.())

    await (await connect(connector)).exec('create table t (a)')

    expect(existsSync(join(folder, 'a %#.db'))).toBe(true)
  })

  test('no file in a folder that does not exist, and says so', async () => {
    const connector = libsql({ url: join(temporaryFolder(), 'missing', 'test.db') })

    const error = await connect(connector).catch((reason) => reason)

    expect(error).toBeInstanceOf(OpenError)
    expect(error.message).toContain('does not exist: it must be created first')
  })

  test('no file that another engine has open, until that is closed', async () => {
    const file = libsqlFile()
    const other = await nodeSqlite({ url: file.path }).connect('writer', {
      integers: 'auto',
      maxCachedStatements: 0,
    })

    await expect(file.connect()).rejects.toThrow(OpenError)
    await other.close()

    await expect(file.connect()).resolves.toBeDefined()
  })
})
