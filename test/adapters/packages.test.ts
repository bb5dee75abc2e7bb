/** Driver packages that do not fit: to this runtime or its version, or to what is made of them here. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { betterSqlite3 } from '../../adapters/better-sqlite3.ts'
import { bunSqlite } from '../../adapters/bun-sqlite.ts'
import { connect, runtime } from './_local.ts'

afterEach(() => {
  vi.doUnmock('kysely-bun-sqlite')
  vi.unstubAllGlobals()
})

describe('betterSqlite3()', () => {
  test.each([
    ['20.20.2', '9'],
    ['22.13.1', '9'],
    ['23.5.0', '9'],
  ])('rejects on Node %s, where the package would end the process', async (node, napi) => {
    vi.stubGlobal('process', Object.create(process, { versions: { value: { node, napi } } }))

    await expect(connect(betterSqlite3({ url: ':memory:' }))).rejects.toThrow(
      `Cannot use better-sqlite3 on Node ${node} as it would crash the process`,
    )
  })
})

describe('bunSqlite()', () => {
  test.skipIf(runtime === 'bun')('rejects where there is no bun:sqlite', async () => {
    await expect(connect(bunSqlite({ url: ':memory:' }))).rejects.toThrow(
      'Cannot load bun:sqlite as this is not Bun',
    )
  })

  test.runIf(runtime === 'bun')('runs statements on the driver of kysely-bun-sqlite', async () => {
    const ran: string[] = []
    const { BunSqliteDialect } =
      await vi.importActual<typeof import('kysely-bun-sqlite')>('kysely-bun-sqlite')
    vi.doMock('kysely-bun-sqlite', () => ({
      BunSqliteDialect: class extends BunSqliteDialect {
        override createDriver() {
          const driver = super.createDriver()
          const acquire = driver.acquireConnection.bind(driver)
          driver.acquireConnection = async () => {
            const connection = await acquire()
            const execute = connection.executeQuery.bind(connection)
            connection.executeQuery = (query) => {
              ran.push(query.sql)
              return execute(query)
            }
            return connection
          }
          return driver
        }
      },
    }))

    const connection = await connect(bunSqlite({ url: ':memory:' }))
    await connection.begin('immediate')
    await connection.exec('PRAGMA user_version')
    await connection.commit()

    expect(ran).toEqual(['BEGIN IMMEDIATE', 'PRAGMA user_version', 'COMMIT'])
  })

  test.runIf(runtime === 'bun')('refuses a kysely-bun-sqlite that runs statements later', async () => {
    vi.doMock('kysely-bun-sqlite', () => ({
      BunSqliteDialect: class {
        createDriver = () => ({ init() {}, acquireConnection: () => ({ async executeQuery() {} }) })
      },
    }))
    const connection = await connect(bunSqlite({ url: ':memory:' }))

    expect(() => connection.begin('immediate')).toThrow('Cannot use this kysely-bun-sqlite')
  })
})
