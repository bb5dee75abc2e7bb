/**
 * The connector of better-sqlite3, the fastest driver on Node (22.16 and later).
 *
 * @module
 */
import type { Connector } from '../src/connector.ts'
import { OpenError } from '../src/errors.ts'
import type { BoundValue, Row } from '../src/values.ts'
import { cannotLoad } from './_missing-package.ts'
import { type SyncDriver, syncConnector } from './_sync-connector.ts'
import type { Changes, SyncDatabase, SyncStatement } from './_sync-database.ts'

/** Options of {@linkcode betterSqlite3}. */
export interface BetterSqlite3Options {
  /** A path, a `file:` URL or `:memory:`. */
  readonly url: string
  /** Passed to `new Database(path, options)`, such as `nativeBinding`; `timeout` is always 0, as the core does the waiting. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

// The package's types must not show in ours, or every user would need them: these are the calls that are made.
interface Database {
  readonly inTransaction: boolean
  prepare(sql: string): PreparedStatement
  close(): void
}

interface PreparedStatement {
  readonly reader: boolean
  safeIntegers(on: boolean): void
  all(parameters: readonly BoundValue[]): Row[]
  run(...parameters: readonly (BoundValue | readonly BoundValue[])[]): Changes
  iterate(parameters: readonly BoundValue[]): Iterator<Row>
}

type DatabaseConstructor = new (path: string, options: object) => Database

/** What the connections use. */
let loaded: DatabaseConstructor | undefined

/**
 * Opens databases with better-sqlite3: `npm install better-sqlite3`.
 *
 * The package is loaded at the first connection; `openStorage` then rejects with {@linkcode OpenError} if it is missing,
 * or if this Node is too old for it.
 *
 * @throws {ConfigError} If `url` is not a path, a `file:` URL or `:memory:`.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { betterSqlite3 } from 'unbusy/better-sqlite3'
 *
 * await using storage = await openStorage<Database>({ connector: betterSqlite3({ url: 'file:./app.db' }) })
 * ```
 */
export function betterSqlite3({ url, driverOptions }: BetterSqlite3Options): Connector {
  return syncConnector({
    name: 'better-sqlite3',
    url,
    load: () => loadDriver(driverOptions),
    checkpointDriver: () => ({
      name: 'better-sqlite3',
      module: loadedModule(driverOptions),
      options: { ...driverOptions },
    }),
  })
}

/** Another copy of the package would be a second SQLite engine on the file, as when a bundler has put it into the program. */
function loadedModule(driverOptions: Readonly<Record<string, unknown>> = {}): string {
  const { nativeBinding } = driverOptions
  if (typeof nativeBinding === 'object' && nativeBinding !== null) {
    throw new OpenError(
      'Cannot checkpoint in a thread as the nativeBinding is loaded already: a path can be given to it',
    )
  }
  // By what was loaded, not by its name: in a bundle `import.meta.url` may be nothing, or a path of another machine.
  // Which module requires makes no difference to what was, and an import of createRequire would be webpack's own.
  const { cache } = process.getBuiltinModule('node:module').createRequire(process.execPath)
  const path = Object.keys(cache).find((path) => cache[path]?.exports === loaded)
  if (path !== undefined) return path
  throw new OpenError('Cannot tell where better-sqlite3 was loaded from: it may be bundled')
}

async function loadDriver(driverOptions: object | undefined): Promise<SyncDriver> {
  assertRuntime()
  const Database = await importPackage()
  return { open: (path) => toSyncDatabase(new Database(path, { ...driverOptions, timeout: 0 })) }
}

/** Version 13 is built for it; Node has it from 22.14 and 23.6 on (https://nodejs.org/api/n-api.html). */
const neededNodeApi = 10

function assertRuntime(): void {
  const { node, bun, deno, napi } = process.versions
  // Not left to the package: it does not throw, it kills the process (SIGSEGV, WiseLibs/better-sqlite3#1514).
  if (bun === undefined && deno === undefined && Number(napi) < neededNodeApi) {
    throw new OpenError(
      `Cannot use better-sqlite3 on Node ${node} as it would crash the process: it needs Node 22.16 or later`,
    )
  }
}

async function importPackage(): Promise<DatabaseConstructor> {
  try {
    const module: { readonly default: unknown } = await import('better-sqlite3')
    loaded = module.default as DatabaseConstructor
    return loaded
  } catch (cause) {
    throw cannotLoad('better-sqlite3', 'npm install better-sqlite3', cause)
  }
}

function toSyncDatabase(database: Database): SyncDatabase {
  return {
    native: database,
    get inTransaction() {
      return database.inTransaction
    },
    iterates: true,
    prepare: (sql) => toSyncStatement(database.prepare(sql)),
    close: () => database.close(),
  }
}

/** There is no finalize: a statement is freed by the garbage collector, or with its database. */
function toSyncStatement(statement: PreparedStatement): SyncStatement {
  return {
    returnsRows: statement.reader,
    setBigInts: (on) => statement.safeIntegers(on),
    all: (parameters) => statement.all(parameters),
    // An array is bound element by element through the engine, at a tenth of the cost of what it does. The stack has room.
    run: (parameters) =>
      parameters.length <= 8_192 ? statement.run(...parameters) : statement.run(parameters),
    iterate: (parameters) => statement.iterate(parameters),
  }
}
