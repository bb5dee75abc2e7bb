/**
 * libSQL as its users have it today: `@libsql/client` under a Kysely dialect that passes queries on, and its `batch()`.
 *
 * @module
 */
import { type Client, createClient, type InArgs } from '@libsql/client'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { BenchSchema } from '../schema.ts'
import type { PlainDatabase } from './database.ts'

export function openLibsql(path: string): PlainDatabase {
  // One connection, as the drivers beside it have: more would lock each other out, and pragmas are each connection's.
  const client = createClient({ url: `file:${path}`, concurrency: 1 })
  return {
    db: new Kysely<BenchSchema>({ dialect: dialectOf(client) }),
    exec: async (sql) => void (await client.execute(sql)),
    transaction: (sql, bind) => async (rows) => {
      const statements: { readonly sql: string; readonly args: InArgs }[] = []
      const statement = { run: (...args: (string | number)[]) => statements.push({ sql, args }) }
      for (const row of rows) bind(statement, row)
      await client.batch(statements, 'write')
    },
    close: () => client.close(),
  }
}

function dialectOf(client: Client): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ClientDriver(client),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/** Only what stands alone is compared, so there are no transactions here. */
class ClientDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(client: Client) {
    this.#connection = {
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        const { rows, rowsAffected } = await client.execute({ sql, args: parameters as InArgs })
        return { rows: rows as R[], numAffectedRows: BigInt(rowsAffected) }
      },
      streamQuery(): never {
        throw new Error('Cannot stream here')
      },
    }
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  async beginTransaction(): Promise<void> {}

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}
