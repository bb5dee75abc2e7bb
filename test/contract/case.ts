/**
 * A contract case is data: a sentence, what runs, and where it cannot hold with the reason why. The context gives each
 * case a file of its own: two SQLite engines on one file in one process ignore each other's locks.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStorage, type Storage, type StorageOptions } from 'unbusy'
import { type HeldLock, holdLock } from 'unbusy/testing'
import { describe, it, type TestContext } from 'vitest'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { type ConnectorName, connectorNames, connectorTo, runtime } from './matrix.ts'
import { NotHere } from './not-here.ts'
import { reasonOnServer } from './server-limits.ts'
import { kindOfServer, serveCases, withServer } from './with-server.ts'

// biome-ignore lint/suspicious/noExplicitAny: cases make their tables as they go
export type AnyDatabase = any

/** What a case works with. Everything it opened is closed after it. */
export interface CaseContext {
  readonly connector: ConnectorName
  /** The database file of this case; it exists once a storage was opened. */
  readonly path: string
  /** Opens a storage on the file of this case; it may be opened several times. */
  open(options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>>
  /** Opens a `:memory:` storage. */
  openInMemory(options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>>
  /** Holds the write lock of the file from a process of another runtime. */
  holdLock(ms: number): Promise<HeldLock>
  /** Runs SQL statements in a process of another runtime and answers the rows of the last one. */
  peer(...statements: string[]): Promise<Record<string, unknown>[]>
}

export interface ContractCase {
  /** The number of the rule and what holds, as a sentence: `C3 gives up after lockTimeoutMs`. */
  readonly name: string
  readonly run: (context: CaseContext) => Promise<void>
  /** Why a connector is left out, by its name. */
  readonly not?: Partial<Readonly<Record<ConnectorName, string>>>
  readonly timeoutMs?: number
}

/**
 * Runs the cases over every connector of this runtime.
 *
 * @param suite `describe.concurrent` for cases that mostly wait, and measure no time.
 */
export function describeContract(
  title: string,
  cases: readonly ContractCase[],
  suite: (name: string, factory: () => void) => unknown = describe,
): void {
  for (const connector of connectorNames) {
    suite(`${title} on ${runtime} with ${connector}`, () => {
      if (connector === 'libsql-server') serveCases()
      for (const { name, run, not, timeoutMs } of cases) {
        const reason =
          not?.[connector] ??
          (connector === 'libsql-server' ? reasonOnServer(name, kindOfServer()) : undefined)
        if (reason !== undefined) it.skip(`${name} (not here: ${reason})`, () => {})
        else it(name, { timeout: timeoutMs ?? 30_000 }, (test) => withContext(connector, run, test))
      }
    })
  }
}

async function withContext(
  connector: ConnectorName,
  run: ContractCase['run'],
  test: TestContext,
): Promise<void> {
  if (connector === 'libsql-server') {
    return withServer(run).catch((error: unknown) => {
      if (error instanceof NotHere) return test.skip(error.message)
      throw error
    })
  }
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  const path = join(folder, 'case.db')
  const opened: AsyncDisposable[] = []
  const keep = <T extends AsyncDisposable>(resource: T): T => {
    opened.push(resource)
    return resource
  }
  const open = async (url: string, options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>> =>
    keep(
      await openStorage<AnyDatabase>({
        onWarning: () => {},
        connector: await connectorTo(connector, url),
        ...options,
      }),
    )
  try {
    await run({
      connector,
      path,
      open: (options) => open(path, options),
      openInMemory: (options) => open(':memory:', options),
      holdLock: async (ms) => keep(await holdLock(path, ms, { command: peerCommand() })),
      peer: (...statements) => peerQuery(path, statements),
    })
  } finally {
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
}
