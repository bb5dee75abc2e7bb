/** `unbusy/auto` picks the driver by URL and runtime. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { connectorFor, openStorage } from '../../adapters/auto.ts'
import { ConfigError } from '../../src/errors.ts'
import { runtime } from './_local.ts'

afterEach(() => {
  vi.doUnmock('better-sqlite3')
  vi.doUnmock('../../adapters/libsql.ts')
})

const local = { node: 'better-sqlite3', bun: 'bun-sqlite', deno: 'node-sqlite' }[runtime]

describe('connectorFor()', () => {
  test('takes the driver of the runtime for a file', async () => {
    expect(await connectorFor({ url: 'file:app.db' })).toMatchObject({ name: local })
    expect(await connectorFor({ url: ':memory:' })).toMatchObject({ name: local })
  })

  test('takes libsql for a server, and hands it the token', async () => {
    const libsql = vi.fn(() => ({ name: 'libsql' }))
    vi.doMock('../../adapters/libsql.ts', () => ({ libsql }))
    const options = { url: 'libsql://db.example.com', authToken: 'secret' }

    expect(await connectorFor(options)).toMatchObject({ name: 'libsql' })
    expect(libsql).toHaveBeenCalledWith(options)
  })

  test.runIf(runtime === 'node')('takes node-sqlite where better-sqlite3 is not installed', async () => {
    vi.doMock('better-sqlite3', () => {
      throw new Error('Cannot find package')
    })

    expect(await connectorFor({ url: 'file:app.db' })).toMatchObject({ name: 'node-sqlite' })
  })

  test('takes the dialect that it is given', async () => {
    expect(await connectorFor({ url: 'app.db', dialect: 'node-sqlite' })).toMatchObject({
      name: 'node-sqlite',
    })
    expect(await connectorFor({ url: 'app.db', dialect: 'libsql' })).toMatchObject({ name: 'libsql' })
  })

  test('refuses a dialect that is unknown, and d1 without its binding', async () => {
    const wrong = { url: 'app.db', dialect: 'sqlite3' as never }
    await expect(connectorFor(wrong)).rejects.toThrow(ConfigError)
    await expect(connectorFor(wrong)).rejects.toThrow('better-sqlite3, node-sqlite, bun-sqlite, libsql')
    await expect(connectorFor({ url: 'app.db', dialect: 'toString' as never })).rejects.toThrow(ConfigError)
    await expect(connectorFor({ url: 'app.db', dialect: 'd1' })).rejects.toThrow('no D1 binding')
    await expect(connectorFor({ url: 'app.db', dialect: 'libsql-web' })).rejects.toThrow(ConfigError)
  })

  test('hands d1 its binding and the time that it may take', async () => {
    const driverOptions = { database: { prepare() {}, batch() {} } }
    const options = { url: 'none', dialect: 'd1', driverOptions } as const
    expect(await connectorFor(options)).toMatchObject({ name: 'd1' })
    await expect(connectorFor({ ...options, requestTimeoutMs: 0 })).rejects.toThrow('requestTimeoutMs')
  })

  test('refuses a URL that cannot be used', async () => {
    await expect(connectorFor({ url: '' })).rejects.toThrow(ConfigError)
  })
})

describe('openStorage()', () => {
  test('opens with the chosen connector', async () => {
    await using storage = await openStorage<{ t: { a: number } }>({ url: ':memory:' })

    await storage.db.schema.createTable('t').addColumn('a', 'integer').execute()
    await storage.db.insertInto('t').values({ a: 1 }).execute()

    expect(await storage.db.selectFrom('t').selectAll().execute()).toEqual([{ a: 1 }])
    expect(storage.stats().connector).toBe(local)
  })
})
