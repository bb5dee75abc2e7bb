/**
 * Stands in for the contract's own `describeContract` inside workerd: it only collects the cases, and runs them when it
 * is told to.
 *
 * @module
 */
import { openStorage, type Storage, type StorageOptions, UnsupportedError } from 'unbusy'
import { type D1DatabaseLike, d1 } from 'unbusy/d1'
import { NotHere } from '../contract/not-here.ts'
import { anotherDatabase, databaseOfCase, rowsOf } from './database.ts'

// biome-ignore lint/suspicious/noExplicitAny: as in the contract's own
export type AnyDatabase = any

/** The context of the contract's cases, with a D1 database instead of a file. */
export interface CaseContext {
  readonly connector: 'd1'
  readonly path: string
  open(options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>>
  openInMemory(options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>>
  holdLock(): Promise<never>
  peer(...statements: string[]): Promise<Record<string, unknown>[]>
}

export interface ContractCase {
  readonly name: string
  readonly run: (context: CaseContext) => Promise<void>
  readonly not?: Readonly<Record<string, string>>
}

/** What became of a case. */
export type CaseReport =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'skipped'; readonly reason: string }
  | { readonly outcome: 'failed'; readonly error: string }

/** Every case of the bundle by its title. */
export const cases: Map<string, ContractCase> = new Map()

export function describeContract(title: string, added: readonly ContractCase[]): void {
  for (const it of added) cases.set(`${title}: ${it.name}`, it)
}

/** Runs one case on the databases of `database.ts`, and closes what it opened. */
export async function runCase({ run, not }: ContractCase): Promise<CaseReport> {
  const reason = not?.d1
  if (reason !== undefined) return { outcome: 'skipped', reason }
  const opened: AsyncDisposable[] = []
  const lost = Promise.withResolvers<never>()
  // Of a transaction that a helper does not await: it would wait for the callback for ever.
  const onLost = (event: Event): void => {
    const { reason } = event as Event & { readonly reason?: unknown }
    if (reason instanceof UnsupportedError) lost.reject(reason)
  }
  globalThis.addEventListener('unhandledrejection', onLost)
  try {
    await Promise.race([run(contextOf(opened)), lost.promise])
    return { outcome: 'passed' }
  } catch (error) {
    return reportOf(error)
  } finally {
    globalThis.removeEventListener('unhandledrejection', onLost)
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]()
  }
}

function reportOf(error: unknown): CaseReport {
  if (error instanceof NotHere) return { outcome: 'skipped', reason: error.message }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  // That it is this error is what tier C promises of such a case; an assertion that met it shows it.
  if (text.includes('Cannot begin a transac'))
    return { outcome: 'skipped', reason: 'it begins a transaction, which is an UnsupportedError' }
  return { outcome: 'failed', error: text }
}

function contextOf(opened: AsyncDisposable[]): CaseContext {
  const openOn = async (
    database: D1DatabaseLike,
    options?: Partial<StorageOptions>,
  ): Promise<Storage<AnyDatabase>> => {
    const connector = d1({ database })
    const storage = await openStorage<AnyDatabase>({ onWarning: () => {}, connector, ...options })
    opened.push(storage)
    return storage
  }
  return {
    connector: 'd1',
    get path(): never {
      throw new NotHere('there are no files')
    },
    open: (options) => openOn(databaseOfCase(), options),
    openInMemory: async (options) => openOn(await anotherDatabase(), options),
    holdLock: async () => {
      throw new NotHere('nobody can hold the lock of D1')
    },
    async peer(...statements) {
      let rows: Record<string, unknown>[] = []
      for (const sql of statements) rows = await rowsOf(sql)
      return rows
    },
  }
}
