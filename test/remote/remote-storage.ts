/**
 * What the tests of the remote tier work with: one server for a file of tests, and storages on it over both transports.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import { openStorage, type Storage, type StorageOptions } from 'unbusy'
import { type LibsqlOptions, libsql } from 'unbusy/libsql'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { ServerSettings } from '../hrana/server-core.ts'
import { type HranaServer, startHranaServer } from '../hrana/start.ts'

// biome-ignore lint/suspicious/noExplicitAny: cases make their tables as they go
export type AnyDatabase = any

export type Transport = 'http' | 'ws'
export const transports: readonly Transport[] = ['http', 'ws']

/** A server and what is opened on it; each test gets an empty database. */
export interface Remote {
  /** What it is told to do wrong, and what it counts. */
  readonly server: HranaServer
  url(transport: Transport): string
  open(
    transport: Transport,
    options?: Partial<StorageOptions>,
    libsqlOptions?: Partial<LibsqlOptions>,
  ): Promise<Storage<AnyDatabase>>
}

/** One in-repo server for the tests of this file, which are about what a real one cannot be made to do on demand. */
export function useServer(settings: Partial<ServerSettings> = {}): Remote {
  const opened: Storage<AnyDatabase>[] = []
  let folder: string
  let server: HranaServer
  const remote: Remote = {
    get server() {
      return server
    },
    url: (transport) => (transport === 'ws' ? server.wsUrl : server.url),
    async open(transport, options, libsqlOptions) {
      const { authToken } = settings
      const url = remote.url(transport)
      const connector = libsql({ url, ...(authToken !== undefined && { authToken }), ...libsqlOptions })
      const storage = await openStorage<AnyDatabase>({ onWarning: () => {}, connector, ...options })
      opened.push(storage)
      return storage
    },
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unbusy-remote-'))
    server = await startHranaServer({ path: join(folder, 'remote.db'), ...settings })
  })
  afterEach(async () => {
    for (const storage of opened.splice(0)) await storage.close()
    await server.reset()
    const storage = await remote.open('http')
    await dropTables(storage.db)
    await storage.close()
    opened.length = 0
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  return remote
}

/** Empties a database, a real server's as well. */
export async function dropTables(db: Kysely<AnyDatabase>): Promise<void> {
  const { rows } = await sql<{ type: string; name: string }>`
    select type, name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite_%'
    order by sql like '%references%' desc`.execute(db)
  for (const { type, name } of rows) await sql.raw(`drop ${type} if exists "${name}"`).execute(db)
}

/** How many rows the table `note` has. */
export async function countNotes(storage: Storage<AnyDatabase>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from note`.execute(storage.db)
  return rows[0]?.n ?? -1
}

/** Calls `send` while a transaction has the writer, until so many writes wait for it: they go to the server as one group. */
export async function asOneGroup<T extends readonly unknown[]>(
  storage: Storage<AnyDatabase>,
  writes: number,
  send: () => T,
): Promise<T> {
  const [hasBegun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = storage.write(() => {
    hasBegun.resolve()
    return mayEnd.promise
  })
  await hasBegun.promise
  const sent = send()
  await expect.poll(() => storage.stats().queuedWrites).toBeGreaterThanOrEqual(writes)
  mayEnd.resolve()
  await holding
  return sent
}
