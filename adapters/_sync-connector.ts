/**
 * The port's Connector over a synchronous driver: what better-sqlite3, node:sqlite and bun:sqlite have in common.
 *
 * @module
 */
import type { Connection, Connector } from '../src/connector.ts'
import { resultCodeOf } from '../src/result-code.ts'
import type { CheckpointDriver } from './_checkpoint-script.ts'
import { openCheckpointWorker } from './_checkpoint-worker.ts'
import { context } from './_context.ts'
import { databaseFile } from './_database-file.ts'
import { locateFile, openFile } from './_file.ts'
import { watchFiles } from './_file-watch.ts'
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
  /** How the checkpoint worker opens what this adapter has open. Throws if it could not be sure to use the same library. */
  checkpointDriver(): CheckpointDriver
}

/**
 * Makes the connector of a synchronous driver.
 *
 * @throws {ConfigError} If the URL is not one of a file or of `:memory:`.
 */
export function syncConnector({ name, url, load, checkpointDriver }: SyncConnectorOptions): Connector {
  const location = locateFile(url, name)
  const fileWatch = watchFiles(location)
  return {
    name,
    location: location.path,
    capabilities: { singleConnection: location.isInMemory, autocommit: true, synchronous: true },
    ...(context !== undefined && { context }),
    ...(fileWatch !== undefined && { fileWatch, file: databaseFile(fileWatch, name) }),
    async connect(role, settings): Promise<Connection> {
      const driver = await load()
      const { database, release } = openFile(fileWatch ?? location, name, (path) => driver.open(path), role)
      return new SyncConnection(database, settings, release)
    },
    resultCodeOf,
    nextTurn,
    close: () => fileWatch?.close(),
    ...(fileWatch !== undefined && {
      walBytes: () => fileWatch.walBytes() ?? 0,
      openCheckpointWorker: async () => openCheckpointWorker(fileWatch.path, checkpointDriver()),
    }),
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
