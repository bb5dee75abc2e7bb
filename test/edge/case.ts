/**
 * Stands in for the contract's own `describeContract` inside workerd: it only collects the cases, and runs them when it
 * is told to.
 *
 * @module
 */
import { openStorage, type Storage, type StorageOptions, UnsupportedError } from 'unbusy'
import { NotHere } from '../contract/not-here.ts'
import { anotherPlace, type EdgeConnectorName, type Place, placeOfCase } from './place.ts'

// biome-ignore lint/suspicious/noExplicitAny: as in the contract's own
export type AnyDatabase = any

/** The context of the contract's cases, with a database of the isolate instead of a file. */
export interface CaseContext {
  readonly connector: EdgeConnectorName
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

/** Runs one case on the databases of `place.ts`, and closes what it opened. */
export async function runCase({ run, not }: ContractCase): Promise<CaseReport> {
  const { name } = placeOfCase()
  const reason = not?.[name]
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
    return reportOf(error, name)
  } finally {
    globalThis.removeEventListener('unhandledrejection', onLost)
    for (const resource of opened.reverse()) await resource[Symbol.asyncDispose]()
  }
}

function reportOf(error: unknown, name: EdgeConnectorName): CaseReport {
  if (error instanceof NotHere) return { outcome: 'skipped', reason: error.message }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  // That it is this error is what tier C promises of such a case; an assertion that met it shows it.
  if (name === 'd1' && text.includes('Cannot begin a transac'))
    return { outcome: 'skipped', reason: 'it begins a transaction, which is an UnsupportedError' }
  return { outcome: 'failed', error: text }
}

function contextOf(opened: AsyncDisposable[]): CaseContext {
  const openOn = async (place: Place, options?: Partial<StorageOptions>): Promise<Storage<AnyDatabase>> => {
    const connector = place.connect()
    const storage = await openStorage<AnyDatabase>({ onWarning: () => {}, connector, ...options })
    opened.push(storage)
    return storage
  }
  return {
    connector: placeOfCase().name,
    // What connectorTo() takes; it names no file.
    path: 'no-file',
    open: (options) => openOn(placeOfCase(), options),
    openInMemory: async (options) => openOn(await anotherPlace(), options),
    holdLock: async () => {
      throw new NotHere('there is no other process that holds the lock')
    },
    async peer(...statements) {
      let rows: Record<string, unknown>[] = []
      for (const sql of statements) rows = await placeOfCase().query(sql)
      return rows
    },
  }
}
