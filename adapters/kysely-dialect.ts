/**
 * The connector of last resort: any third-party Kysely dialect for SQLite, as far as a dialect can tell what the contract
 * needs to know. A driver that has a connector of its own is better served by that.
 *
 * @module
 */
import type { Dialect } from 'kysely'
import type { Connection, Connector, Role } from '../src/connector.ts'
import { ConfigError } from '../src/errors.ts'
import { anyResultCodeOf } from './_any-result-code.ts'
import { context } from './_context.ts'
import { databaseFile } from './_database-file.ts'
import { DialectConnection } from './_dialect-connection.ts'
import { assertReadable, type DialectIntegers } from './_dialect-facts.ts'
import { locateFile, openFileLater } from './_file.ts'
import { watchFiles } from './_file-watch.ts'
import { LateClaims, OpenedDialect } from './_opened-dialect.ts'

export type { DialectIntegers } from './_dialect-facts.ts'

/** Options of {@linkcode kyselyDialect}. */
export interface KyselyDialectOptions {
  /** A path, a `file:` URL or `:memory:`. */
  readonly url: string
  /**
   * Makes a dialect whose driver opens a database handle of its own at `path`, which is absolute, or `:memory:`. Called for
   * every physical connection: one writer and up to `maxReaders` readers.
   */
  dialect(path: string, role: Role): Dialect | Promise<Dialect>
  /**
   * The SQLite library inside, by the name of the connector that has the same one (`better-sqlite3`, `node-sqlite`,
   * `bun-sqlite`, `libsql`) or any other word: two of different names must not open one file in one process.
   *
   * @default Unknown: only one connector of this process can have the file open
   */
  readonly engine?: string
}

/** A connector, and what was measured of the driver under its dialect. */
export interface KyselyDialectConnector extends Connector {
  /** What the driver does with integers; `undefined` before the first connection. */
  readonly integers: DialectIntegers | undefined
}

let unnamedEngines = 0

/**
 * Wraps any Kysely dialect of a local SQLite database. Routing, waiting, group commit, lanes, repair and draining are the
 * core's and hold as they do with every connector. What a dialect cannot give:
 *
 * - **Speed**: no statement cache, a promise for each statement; a lone write is three (BEGIN, itself, COMMIT), and one
 *   with a `*` is two, as drivers differ in when they notice a changed schema.
 * - **Streams** are read at once.
 * - **Integers** are exact if the driver binds bigints and reads integers as bigint: `connector.integers` has what was
 *   measured. A driver that rounds beyond 2^53 is refused with `integers: 'strict'` and `'bigint'`, and not with `'auto'`.
 * - **Result codes** are what the driver's errors carry. From a text alone BUSY_SNAPSHOT is taken for BUSY, and an error
 *   without code and known text has none: a lock would not be waited for.
 * - **Transactions that SQLite ended by itself** are found by a `BEGIN` that is tried after an error in one.
 * - **Locks while the dialect opens** (`onCreateConnection`) are not waited for, but by the driver, which may block.
 * - **Closing** runs a garbage collection if `-wal` is still there, as drivers leave statements to the collector.
 * - **EXPLAIN** runs one too: a driver may leave it in progress until then.
 * - **Checkpoints** run in commits, on the event loop: there is no worker with the same engine.
 * - **The engine**: without `engine` no other storage of this process can open the file.
 *
 * Refused are libSQL's (their statements do not survive a busy lock, which `unbusy/libsql` works around) and those that
 * open something else than the file at `path`, such as a server or storage of their own.
 *
 * @throws {ConfigError} If `url` is not one of a file or of `:memory:`, `dialect` is no function, or `engine` is no name.
 * @example
 * ```ts
 * import Database from 'better-sqlite3'
 * import { SqliteDialect } from 'kysely'
 * import { openStorage } from 'unbusy'
 * import { kyselyDialect } from 'unbusy/kysely-dialect'
 *
 * const connector = kyselyDialect({
 *   url: 'file:./app.db',
 *   engine: 'better-sqlite3',
 *   dialect: (path) => new SqliteDialect({ database: new Database(path).defaultSafeIntegers() }),
 * })
 * await using storage = await openStorage<AppDatabase>({ connector })
 * ```
 */
export function kyselyDialect({ url, dialect, engine }: KyselyDialectOptions): KyselyDialectConnector {
  if (engine !== undefined && !/^[\w@/. -]+$/.test(engine))
    throw new ConfigError(`Cannot use engine '${engine}' as it must be a name, such as 'better-sqlite3'`)
  if (typeof dialect !== 'function')
    throw new ConfigError(
      `Cannot use dialect as it is of type ${typeof dialect}: it must be a function that makes one`,
    )
  const location = locateFile(url, 'kysely-dialect')
  const fileWatch = watchFiles(location)
  const engineName = engine ?? `an engine without a name (kysely-dialect ${++unnamedEngines})`
  const claims = new LateClaims(fileWatch)
  let integers: DialectIntegers | undefined
  return {
    name: 'kysely-dialect',
    location: location.path,
    // A statement that met BUSY may stay in progress under a driver unknown to us; then only a COMMIT tells of it.
    capabilities: { singleConnection: location.isInMemory, autocommit: false },
    get integers() {
      return integers
    },
    ...(context !== undefined && { context }),
    ...(fileWatch !== undefined && { fileWatch, file: databaseFile(fileWatch, 'kysely-dialect') }),
    async connect(role, settings): Promise<Connection> {
      const open = async (path: string): Promise<OpenedDialect> =>
        OpenedDialect.open(await dialect(path, role), { ...location, path })
      const { database, release } = await openFileLater(fileWatch ?? location, engineName, open, role)
      claims.add(release)
      const close = (): Promise<void> => database.close().finally(() => claims.onClose())
      integers = database.integers
      try {
        assertReadable(database.integers, settings)
      } catch (error) {
        await close()
        throw error
      }
      const { connection } = database
      return new DialectConnection(connection, {
        role,
        settings,
        integers: database.integers,
        nextTurn,
        close,
      })
    },
    resultCodeOf: anyResultCodeOf,
    nextTurn,
    close: () => fileWatch?.close(),
    ...(fileWatch !== undefined && { walBytes: () => fileWatch.walBytes() ?? 0 }),
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
