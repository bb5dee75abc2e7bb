/**
 * What the tests of kyselyDialect() share: storages over a wrapped dialect, and dialects with another driver.
 *
 * @module
 */
import { join } from 'node:path'
import { type Dialect, type Kysely, sql } from 'kysely'
import { openStorage, type Storage, type StorageOptions } from 'unbusy'
import { type KyselyDialectOptions, kyselyDialect } from 'unbusy/kysely-dialect'
import { onTestFinished } from 'vitest'
import type { WrappedDialect } from '../contract/wrapped-dialects.ts'
import { temporaryFolder } from './_local.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests make their tables as they go
type AnyDatabase = any

export const newPath = (): string => join(temporaryFolder(), 'test.db')

/** The options for a wrapped dialect, on a new file unless told otherwise. */
export function optionsOf({ engine, create }: WrappedDialect, url: string = newPath()): KyselyDialectOptions {
  return { url, engine, dialect: (path) => create(path) }
}

/** A storage that is closed after the test. */
export async function open(
  options: KyselyDialectOptions,
  more?: Partial<StorageOptions>,
): Promise<Storage<AnyDatabase>> {
  const connector = kyselyDialect(options)
  const storage = await openStorage<AnyDatabase>({ connector, onWarning: () => {}, ...more })
  onTestFinished(async () => {
    await storage.close()
  })
  return storage
}

export async function createTable(db: Kysely<AnyDatabase>): Promise<void> {
  await sql`create table t (a integer primary key, b)`.execute(db)
}

export type Driver = ReturnType<Dialect['createDriver']>
export type DriverConnection = Awaited<ReturnType<Driver['acquireConnection']>>

const unused = async (): Promise<void> => {
  throw new Error('transactions are begun by SQL')
}
/** The core begins and ends its transactions as SQL. */
export const noTransactions: Pick<Driver, 'beginTransaction' | 'commitTransaction' | 'rollbackTransaction'> =
  {
    beginTransaction: unused,
    commitTransaction: unused,
    rollbackTransaction: unused,
  }

/** The dialect with another driver. */
export function withDriver(dialect: Dialect, driver: Driver): Dialect {
  return {
    createDriver: () => driver,
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  }
}

/** As drivers are that know numbers only. */
export function withoutBigInts(dialect: Dialect): Dialect {
  const driver = dialect.createDriver()
  return withDriver(dialect, {
    ...noTransactions,
    init: () => driver.init(),
    async acquireConnection(): Promise<DriverConnection> {
      const connection = await driver.acquireConnection()
      return {
        streamQuery: connection.streamQuery.bind(connection),
        async executeQuery(query) {
          if (query.parameters.some((it) => typeof it === 'bigint')) throw new TypeError('takes no bigint')
          return connection.executeQuery(query)
        },
      }
    },
    releaseConnection: async () => {},
    destroy: () => driver.destroy(),
  })
}
