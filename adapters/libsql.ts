/**
 * The connector of libSQL: local files, `:memory:` and servers through `@libsql/client`, on Node, Bun and Deno.
 *
 * @module
 */
import type { Connection, Connector } from '../src/connector.ts'
import { ConfigError } from '../src/errors.ts'
import { parseDatabaseUrl } from '../src/options/database-url.ts'
import { resultCodeOf } from '../src/result-code.ts'
import { context } from './_context.ts'
import { databaseFile } from './_database-file.ts'
import { type FileLocation, locateFile, openFile } from './_file.ts'
import { watchFiles } from './_file-watch.ts'
import { loadLibsql } from './_libsql-client.ts'
import { LibsqlConnection } from './_libsql-connection.ts'
import { collectGarbageUntil } from './_libsql-garbage.ts'
import { libsqlServer } from './_libsql-remote.ts'

/** Options of {@linkcode libsql}. */
export interface LibsqlOptions {
  /**
   * A path, a `file:` URL, `:memory:`, or a `libsql:`, `https:`, `http:`, `wss:` or `ws:` URL of a server. A WebSocket
   * (`wss:`, `ws:`) is closed when it was idle for 5 seconds, and until then keeps the process alive.
   */
  readonly url: string
  /** The token of a remote database; a local one has no use for it. It is in no error and no log. */
  readonly authToken?: string
  /** How long a server may take to answer one request, in milliseconds. @default {15_000} */
  readonly requestTimeoutMs?: number
  /** Passed to `createClient(config)`, such as `encryptionKey`. What the contract depends on is refused. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

/** These make a client one connection that never waits by itself and reads integers exactly. */
const ownedOptions = { concurrency: 1, timeout: 0, intMode: 'bigint' } as const
const refusedOptions: readonly string[] = [...Object.keys(ownedOptions), 'url', 'authToken', 'syncUrl']

/**
 * Opens databases with libSQL: `npm install @libsql/client`.
 *
 * The package is loaded at the first connection; `openStorage` then rejects with {@linkcode OpenError} if it is missing.
 *
 * What libSQL does differently from SQLite's other drivers, with a file:
 * - Text is cut at U+0000 when it is read.
 * - There is no iterator: a stream is read at once.
 * - Statements are finalized by the garbage collector alone, and SQLite keeps a closed connection until then. So closing
 *   the storage runs one garbage collection (some 10 ms, and up to 1 s per GB of heap), or `-wal` and `-shm` would stay
 *   behind on Bun, and on Node and Deno until the process ends by itself; after `process.exit()` without a close they
 *   stay. They hold nothing that is lost: the next program that opens the file reads and removes them.
 * - A worker thread of yours that dies in a transaction keeps the write lock for as long as the process lives, on Bun and
 *   Deno: nobody finalizes its connection. Other writes reject with {@linkcode LockTimeoutError}. Elsewhere, and with
 *   every other driver, the end of the thread rolls back and gives the lock back.
 *
 * @throws {ConfigError} If `url` is not one of a database, or `driverOptions` has what the contract depends on.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { libsql } from 'unbusy/libsql'
 *
 * await using storage = await openStorage<Database>({ connector: libsql({ url: 'file:./app.db' }) })
 * ```
 */
export function libsql(options: LibsqlOptions): Connector {
  const { url, driverOptions } = options
  if (parseDatabaseUrl(url).kind === 'remote') return libsqlServer(options, { name: 'libsql', context })
  assertNotOwned(driverOptions)
  const location = locateFile(url, 'libsql')
  const fileWatch = watchFiles(location)
  let release: (() => void) | undefined
  // Storages may share a connector, and a reader may come back after the close: the file is in use until the last one.
  let openCount = 0
  let isClosed = false
  /** Until its statements are finalized, a closed connection lives on, and with it -wal and -shm. */
  const giveFileBack = async (): Promise<void> => {
    // If they are still there at the end, another process has the file open.
    if (fileWatch !== undefined) await collectGarbageUntil(() => fileWatch.walBytes() === undefined)
    // One may have been opened meanwhile.
    if (openCount > 0) return
    // Not earlier: a connection that goes away late would take the locks of another engine on this file with it.
    release?.()
    release = undefined
  }
  const onClose = async (): Promise<void> => {
    openCount--
    if (isClosed && openCount === 0) await giveFileBack()
  }
  return {
    name: 'libsql',
    location: location.path,
    capabilities: { singleConnection: location.isInMemory, autocommit: false },
    ...(context !== undefined && { context }),
    ...(fileWatch !== undefined && { fileWatch, file: databaseFile(fileWatch, 'libsql') }),
    async connect(role, settings): Promise<Connection> {
      const createClient = await loadLibsql()
      const place = fileWatch ?? location
      const config = { ...driverOptions, ...ownedOptions, url: clientUrl(place) }
      const opened = openFile(place, 'libsql', () => createClient(config), role)
      release?.()
      release = opened.release
      openCount++
      isClosed = false
      return new LibsqlConnection(opened.database, settings, nextTurn, onClose)
    },
    resultCodeOf,
    nextTurn,
    ...(fileWatch !== undefined && { walBytes: () => fileWatch.walBytes() ?? 0 }),
    // No worker: its SQLite has the WAL-reset bug, so nobody but the writer may checkpoint.
    async close(): Promise<void> {
      isClosed = true
      fileWatch?.close()
      if (openCount === 0) await giveFileBack()
    },
  }
}

function assertNotOwned(driverOptions: object = {}): void {
  const refused = refusedOptions.find((name) => name in driverOptions)
  if (refused === undefined) return
  throw new ConfigError(
    `Cannot set driverOptions.${refused} of libsql as unbusy owns it, or does not support it`,
  )
}

/** The client reads URLs only, and a bare path with a colon in it would be one. */
function clientUrl({ path, isInMemory }: FileLocation): string {
  return isInMemory ? path : `file:${path.split('/').map(encodeURIComponent).join('/')}`
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
