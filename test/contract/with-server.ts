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
import { libsql } from 'unbusy/libsql'
import { holdLock } from 'unbusy/testing'
import { afterAll, beforeAll } from 'vitest'
import { type HranaServer, startHranaServer } from '../hrana/start.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { dropTables } from '../remote/remote-storage.ts'
import type { AnyDatabase, ContractCase } from './case.ts'

const givenUrl = process.env.LIBSQL_SERVER_URL
const authToken = process.env.LIBSQL_SERVER_AUTH_TOKEN

let folder: string
let server: HranaServer | undefined

/** Has a server there while the cases of this file run. */
export function serveCases(): void {
  if (givenUrl !== undefined) return
  beforeAll(async () => {
    if (server !== undefined) return
    folder = await mkdtemp(join(tmpdir(), 'unbusy-server-'))
    server = await startHranaServer({ path: join(folder, 'case.db') })
  })
  afterAll(async () => {
    if (server === undefined) return
    await server[Symbol.asyncDispose]()
    server = undefined
    await rm(folder, { recursive: true, force: true })
  })
}

/** Runs a case on an empty database. */
export async function withServer(run: ContractCase['run']): Promise<void> {
  const url = givenUrl ?? server?.url ?? ''
  const path = join(folder ?? 'no-file', 'case.db')
  const opened: AsyncDisposable[] = []
  const keep = <T extends AsyncDisposable>(resource: T): T => {
    opened.push(resource)
    return resource
  }
  const open = async (options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>> =>
    keep(
      await openStorage<AnyDatabase>({
        onWarning: () => {},
        connector: libsql({ url, ...(authToken !== undefined && { authToken }) }),
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
      holdLock: async (ms) => keep(await holdLock(path, ms, { command: peerCommand() })),
      peer: (...statements) => peerQuery(path, statements),
    })
  } finally {
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]()
    const storage = await open()
    await dropTables(storage.db)
    await storage.close()
  }
}
