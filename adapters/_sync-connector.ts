/**
 * The port's Connector over a synchronous driver: what better-sqlite3, node:sqlite and bun:sqlite have in common.
 *
 * @module
 */
import type { Connection, Connector } from '../src/connector.ts'
import { resultCodeOf } from '../src/result-code.ts'
import { context } from './_context.ts'
import { locateFile, openFile } from './_file.ts'
import { SyncConnection } from './_sync-connection.ts'
import type { SyncDatabase } from './_sync-database.ts'

/** A driver whose package is loaded. */
export interface SyncDriver {
  /** Opens the database at an absolute path, or `:memory:`. */
  open(path: string): SyncDatabase
}

/** What an adapter brings. */
export interface SyncConnectorOptions {
  readonly name: string
  readonly url: string
  /** Loads the driver. Called at every `connect`, so that a connector can be made where its package is missing. */
  load(): Promise<SyncDriver>
}

/**
 * Makes the connector of a synchronous driver.
 *
 * @throws {ConfigError} If the URL is not one of a file or of `:memory:`.
 */
export function syncConnector({ name, url, load }: SyncConnectorOptions): Connector {
  const location = locateFile(url, name)
  return {
    name,
    location: location.path,
    capabilities: { singleConnection: location.isInMemory, autocommit: true, synchronous: true },
    ...(context !== undefined && { context }),
    async connect(_role, settings): Promise<Connection> {
      const driver = await load()
      const { database, release } = openFile(location, name, (path) => driver.open(path))
      return new SyncConnection(database, settings, release)
    },
    resultCodeOf,
    nextTurn,
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
