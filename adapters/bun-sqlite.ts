/**
 * The connector of bun:sqlite. Statements run on kysely-bun-sqlite, with a database whose `prepare` answers our cached
 * statements: by itself it prepares every query anew and finalizes none, which costs half the speed and leaves `-wal` and
 * `-shm` behind. Transactions, streams and exact integers are ours, as it has none that hold.
 *
 * @module
 */
import type { Connector } from '../src/connector.ts'
import { OpenError } from '../src/errors.ts'
import type { BoundValue, Row } from '../src/values.ts'
import { DialectRunner, type RunnableStatement } from './_kysely-bun-sqlite.ts'
import { type SyncDriver, syncConnector } from './_sync-connector.ts'
import type { Changes, SyncDatabase, SyncStatement } from './_sync-database.ts'

/** Options of {@linkcode bunSqlite}. */
export interface BunSqliteOptions {
  /** A path, a `file:` URL or `:memory:`. */
  readonly url: string
  /** Passed to `new Database(path, options)` of bun:sqlite. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

// The part of bun:sqlite that is used, so that its types do not show in ours.
type DatabaseConstructor = new (path: string, options?: object) => Database

interface Database {
  readonly inTransaction: boolean
  prepare(sql: string): PreparedStatement
  close(throwOnError: boolean): void
}

interface PreparedStatement extends RunnableStatement {
  safeIntegers(on: boolean): unknown
  iterate(parameters: readonly BoundValue[]): Iterator<Row>
  finalize(): void
}

/**
 * Opens databases with bun:sqlite, through kysely-bun-sqlite: `bun add kysely-bun-sqlite`.
 *
 * Both are loaded at the first connection; `openStorage` then rejects with {@linkcode OpenError} if one is missing.
 *
 * @throws {ConfigError} If `url` is not a path, a `file:` URL or `:memory:`.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { bunSqlite } from 'unbusy/bun-sqlite'
 *
 * await using storage = await openStorage<Database>({ connector: bunSqlite({ url: 'file:./app.db' }) })
 * ```
 */
export function bunSqlite({ url, driverOptions }: BunSqliteOptions): Connector {
  return syncConnector({
    name: 'bun-sqlite',
    url,
    load: () => loadDriver(driverOptions),
    checkpointDriver: () => ({ name: 'bun-sqlite', options: { ...driverOptions } }),
  })
}

async function loadDriver(driverOptions: object | undefined): Promise<SyncDriver> {
  const Database = loadBunSqlite()
  // One driver of the dialect for each connection: it knows a single one.
  const runner = await DialectRunner.create()
  return { open: (path) => toSyncDatabase(new Database(path, driverOptions), runner) }
}

function loadBunSqlite(): DatabaseConstructor {
  // Not imported: webpack, and Deno's bundler, fail on a scheme that they do not know, wherever it stands.
  const module = process.getBuiltinModule('bun:sqlite') as { readonly Database: unknown } | undefined
  if (module === undefined)
    throw new OpenError('Cannot load bun:sqlite as this is not Bun: choose another dialect')
  return module.Database as DatabaseConstructor
}

function toSyncDatabase(database: Database, runner: DialectRunner): SyncDatabase {
  return {
    native: database,
    get inTransaction() {
      return database.inTransaction
    },
    iterates: true,
    prepare: (sql) => toSyncStatement(database.prepare(sql), sql, runner),
    // Closed at once, not when the last statement that somebody kept is collected.
    close: () => database.close(true),
  }
}

function toSyncStatement(statement: PreparedStatement, sql: string, runner: DialectRunner): SyncStatement {
  return {
    returnsRows: statement.columnNames.length > 0,
    setBigInts: (on) => statement.safeIntegers(on),
    all: (parameters) => runner.run(statement, sql, parameters) as Row[],
    run: (parameters) => runner.run(statement, sql, parameters) as Changes,
    iterate: (parameters) => statement.iterate(parameters),
    finalize: () => statement.finalize(),
  }
}
