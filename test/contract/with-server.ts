/**
 * The context of a case whose database is on a libSQL server: one server for a file of tests, emptied after each case. It
 * is that of LIBSQL_SERVER_URL where that is set, else the in-repo one, whose file other processes can open as well.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStorage, type Storage, type StorageOptions } from 'unbusy'
import { holdLock } from 'unbusy/testing'
import { afterAll, beforeAll } from 'vitest'
import { givenServer, queryServer } from '../hrana/given-server.ts'
import { type HranaServer, startHranaServer } from '../hrana/start.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { dropTables } from '../remote/remote-storage.ts'
import type { AnyDatabase, ContractCase } from './case.ts'
import { connectorTo, serveAt } from './matrix.ts'
import { NotHere } from './not-here.ts'
import type { ServerKind } from './server-limits.ts'

let folder: string
let server: HranaServer | undefined

/** Has a server there while the cases of this file run. */
export function serveCases(): void {
  const given = givenServer()
  if (given !== undefined) {
    serveAt(given)
    // Somebody may have left something there.
    beforeAll(empty)
    return
  }
  beforeAll(async () => {
    if (server !== undefined) return
    folder = await mkdtemp(join(tmpdir(), 'unbusy-server-'))
    server = await startHranaServer({ path: join(folder, 'case.db') })
    serveAt(server)
  })
  afterAll(async () => {
    if (server === undefined) return
    await server[Symbol.asyncDispose]()
    server = undefined
    await rm(folder, { recursive: true, force: true })
  })
}

/** Whether the file of the server is here. */
export function kindOfServer(): ServerKind {
  const given = givenServer()
  if (given === undefined) return 'file'
  return /^wss?:/.test(given.url) ? 'given-by-socket' : 'given'
}

async function empty(): Promise<void> {
  await using storage = await openStorage<AnyDatabase>({
    onWarning: () => {},
    connector: await connectorTo('libsql-server', 'the server'),
  })
  await dropTables(storage.db)
}

/** Runs a case on an empty database. */
export async function withServer(run: ContractCase['run']): Promise<void> {
  const given = givenServer()
  const path = given?.url ?? join(folder, 'case.db')
  const opened: AsyncDisposable[] = []
  const keep = <T extends AsyncDisposable>(resource: T): T => {
    opened.push(resource)
    return resource
  }
  const open = async (options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>> =>
    keep(
      await openStorage<AnyDatabase>({
        onWarning: () => {},
        connector: await connectorTo('libsql-server', path),
        ...options,
      }),
    )
  try {
    await run({
      connector: 'libsql-server',
      path,
      open,
      // What the cases mean by it is an empty database.
      async openInMemory(options) {
        const storage = await open(options)
        await dropTables(storage.db)
        return storage
      },
      async holdLock(ms) {
        if (given !== undefined) throw new NotHere('nobody can hold the lock of a server past the server')
        return keep(await holdLock(path, ms, { command: peerCommand() }))
      },
      peer: (...statements) =>
        given === undefined ? peerQuery(path, statements) : queryServer(given, statements),
    })
  } finally {
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]()
    await empty()
  }
}
