/**
 * The connector of `node:sqlite`, the driver that Node (22.16 and later) and Deno bring themselves.
 *
 * @module
 */
import type { Connector } from '../src/connector.ts'
import { OpenError } from '../src/errors.ts'
import {
  type DatabaseSync,
  type DatabaseSyncConstructor,
  type Quirks,
  quirksOf,
} from './_node-sqlite-quirks.ts'
import { NodeSqliteStatement } from './_node-sqlite-statement.ts'
import { type SyncDriver, syncConnector } from './_sync-connector.ts'
import type { SyncDatabase } from './_sync-database.ts'

/** Options of {@linkcode nodeSqlite}. */
export interface NodeSqliteOptions {
  /** A path, a `file:` URL or `:memory:`. */
  readonly url: string
  /** Passed to `new DatabaseSync(path, options)`; `timeout` is always 0, as the core does the waiting. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

/**
 * Opens databases with `node:sqlite`: nothing has to be installed. On Node 22 the module prints an ExperimentalWarning.
 *
 * The module is loaded at the first connection; `openStorage` then rejects with {@linkcode OpenError} if the runtime has
 * none, or one without what is needed.
 *
 * @throws {ConfigError} If `url` is not a path, a `file:` URL or `:memory:`.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { nodeSqlite } from 'unbusy/node-sqlite'
 *
 * await using storage = await openStorage<Database>({ connector: nodeSqlite({ url: 'file:./app.db' }) })
 * ```
 */
export function nodeSqlite({ url, driverOptions }: NodeSqliteOptions): Connector {
  return syncConnector({
    name: 'node-sqlite',
    url,
    load: () => loadDriver(driverOptions),
    checkpointDriver: () => ({ name: 'node-sqlite', options: { ...driverOptions } }),
  })
}

async function loadDriver(driverOptions: object | undefined): Promise<SyncDriver> {
  const DatabaseSync = await importModule()
  const quirks = quirksOf(DatabaseSync)
  return { open: (path) => toSyncDatabase(new DatabaseSync(path, { ...driverOptions, timeout: 0 }), quirks) }
}

async function importModule(): Promise<DatabaseSyncConstructor> {
  try {
    const module: { readonly DatabaseSync: unknown } = await import('node:sqlite')
    return module.DatabaseSync as DatabaseSyncConstructor
  } catch (cause) {
    const needed = 'Node 22.16 or later and Deno have it'
    throw new OpenError(`Cannot load node:sqlite as this runtime has none: ${needed}`, { cause })
  }
}

function toSyncDatabase(database: DatabaseSync, quirks: Quirks): SyncDatabase {
  return {
    native: database,
    get inTransaction() {
      return database.isTransaction
    },
    iterates: !quirks.iteratorsHideErrors,
    prepare: (sql) => new NodeSqliteStatement(database, sql, quirks),
    close: () => database.close(),
  }
}
