/**
 * Third-party dialects as users would wrap them, by runtime: kysely's own SqliteDialect and BunSqliteDialect.
 *
 * @module
 */
import type { Dialect, SqliteDatabase, SqliteStatement } from 'kysely'
import { type KyselyDialectConnector, kyselyDialect } from 'unbusy/kysely-dialect'

/** A dialect, and how its driver is made to read integers exactly. */
export interface WrappedDialect {
  readonly engine: 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite'
  readonly name: string
  /** @param exact Whether integers are read as bigint. */
  create(path: string, exact?: boolean): Promise<Dialect>
}

const betterSqlite3: WrappedDialect = {
  engine: 'better-sqlite3',
  name: 'SqliteDialect over better-sqlite3',
  async create(path, exact = true) {
    const { SqliteDialect } = await import('kysely')
    const { default: Database } = await import('better-sqlite3')
    return new SqliteDialect({ database: new Database(path).defaultSafeIntegers(exact) })
  },
}

const nodeSqlite: WrappedDialect = {
  engine: 'node-sqlite',
  name: 'SqliteDialect over node:sqlite',
  async create(path, exact = true) {
    const { SqliteDialect } = await import('kysely')
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(path)
    // Its statements do not know whether they are readers, and take values one by one.
    const facade: SqliteDatabase = {
      close: () => database.close(),
      prepare(sql): SqliteStatement {
        const statement = database.prepare(sql)
        statement.setReadBigInts(exact)
        const bound = (values: readonly unknown[]): string[] => values as string[]
        return {
          reader: statement.columns().length > 0,
          all: (values) => statement.all(...bound(values)),
          run: (values) => statement.run(...bound(values)),
          iterate: (values) => statement.iterate(...bound(values)) as IterableIterator<unknown>,
        }
      },
    }
    return new SqliteDialect({ database: facade })
  },
}

const bunSqlite: WrappedDialect = {
  engine: 'bun-sqlite',
  name: 'BunSqliteDialect',
  async create(path, exact = true) {
    const { BunSqliteDialect } = await import('kysely-bun-sqlite')
    const { Database } = await import('bun:sqlite')
    const database = new Database(path, { create: true, readwrite: true, safeIntegers: exact })
    return new BunSqliteDialect({ database })
  },
}

/** Those that run here. */
export const wrappedDialects: readonly WrappedDialect[] =
  'Bun' in globalThis ? [bunSqlite] : 'Deno' in globalThis ? [nodeSqlite] : [betterSqlite3, nodeSqlite]

/** The connector over a dialect, as the documentation advises to make it. */
export function wrap({ engine, create }: WrappedDialect, url: string): KyselyDialectConnector {
  return kyselyDialect({ url, engine, dialect: (path) => create(path) })
}
