/**
 * Chooses the connector from the URL and the runtime, so that swapping the driver is configuration only.
 *
 * @module
 */
import type { DialectName } from '../src/config.ts'
import type { Connector } from '../src/connector.ts'
import { ConfigError } from '../src/errors.ts'
import { openStorage as openWithConnector, type Storage, type StorageOptions } from '../src/index.ts'
import { parseDatabaseUrl } from '../src/options/database-url.ts'
import type { D1Options } from './d1.ts'

/** What decides which connector is used. */
export interface ConnectorOptions {
  /** A path, a `file:` URL, `:memory:`, or the URL of a libSQL server. */
  readonly url: string
  /** The driver to use; chosen from the URL and the runtime if absent. */
  readonly dialect?: DialectName
  /** The token of a libSQL server; the drivers of files have no use for it. */
  readonly authToken?: string
  /** How long a server may take to answer one request, in milliseconds. @default {15_000, of D1 30_000} */
  readonly requestTimeoutMs?: number
  /** Passed on to the driver; for `d1` it holds the binding, `{ database: env.DB }`, and `url` may be anything. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

/** Options of {@linkcode openStorage}. */
export type AutoStorageOptions = Omit<StorageOptions, 'connector'> & ConnectorOptions

const factories: Readonly<Record<DialectName, (options: ConnectorOptions) => Promise<Connector>>> = {
  'better-sqlite3': async (options) => (await import('./better-sqlite3.ts')).betterSqlite3(options),
  'node-sqlite': async (options) => (await import('./node-sqlite.ts')).nodeSqlite(options),
  'bun-sqlite': async (options) => (await import('./bun-sqlite.ts')).bunSqlite(options),
  libsql: async (options) => (await import('./libsql.ts')).libsql(options),
  'libsql-web': async (options) => (await import('./libsql-web.ts')).libsqlWeb(options),
  d1: async ({ requestTimeoutMs, driverOptions }) =>
    (await import('./d1.ts')).d1({
      ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
      ...(driverOptions as unknown as D1Options),
    }),
}

/**
 * Opens a database with the driver that fits: libsql for a remote URL, else bun-sqlite on Bun, node-sqlite on Deno, and on
 * Node better-sqlite3 if it is installed, else node-sqlite. `dialect` overrides.
 *
 * @throws {ConfigError | RangeError} If an option cannot be used; nothing was opened.
 * @throws {OpenError} If the database or the driver's package cannot be opened; the message says what to do.
 * @throws {LockTimeoutError} If another process kept the file locked while it had to be created or switched to WAL.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy/auto'
 *
 * await using storage = await openStorage<Database>({ url: 'file:./app.db' })
 * ```
 */
export async function openStorage<DB>(options: AutoStorageOptions): Promise<Storage<DB>> {
  const { url, dialect, authToken, requestTimeoutMs, driverOptions, ...rest } = options
  return openWithConnector<DB>({ ...rest, connector: await connectorFor(options) })
}

/**
 * The connector that {@linkcode openStorage} would use, for `new UnbusyDialect({ connector })`. Opens nothing.
 *
 * @throws {ConfigError} If the URL or the dialect cannot be used.
 * @example
 * ```ts
 * import { Kysely } from 'kysely'
 * import { UnbusyDialect } from 'unbusy'
 * import { connectorFor } from 'unbusy/auto'
 *
 * const connector = await connectorFor({ url: 'file:./app.db' })
 * const db = new Kysely<Database>({ dialect: new UnbusyDialect({ connector }) })
 * ```
 */
export async function connectorFor(options: ConnectorOptions): Promise<Connector> {
  const name = options.dialect ?? (await dialectFor(options.url))
  if (!Object.hasOwn(factories, name)) {
    const names = Object.keys(factories).join(', ')
    throw new ConfigError(`Cannot use dialect '${name}' as it is unknown: it must be one of ${names}`)
  }
  return factories[name](options)
}

async function dialectFor(url: string): Promise<DialectName> {
  if (parseDatabaseUrl(url).kind === 'remote') return 'libsql'
  const { bun, deno } = process.versions
  if (bun !== undefined) return 'bun-sqlite'
  if (deno !== undefined) return 'node-sqlite'
  return (await isBetterSqlite3Installed()) ? 'better-sqlite3' : 'node-sqlite'
}

async function isBetterSqlite3Installed(): Promise<boolean> {
  try {
    // Only its JavaScript: the native part, which would crash Node 20, is loaded when a database is opened.
    await import('better-sqlite3')
    return true
  } catch {
    return false
  }
}
