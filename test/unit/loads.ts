/**
 * Which parts of the core are loaded, and when: a core of its own for a test, that has loaded nothing on demand yet.
 *
 * @module
 */
import { vi } from 'vitest'

/** What the core loads when it is used, and nothing before. */
export const parts = [
  'buffers/flush',
  'buffers/poison',
  'bulk/writer',
  'checkpoint',
  'connection/file-guard',
  'connection/pragmas',
  'kysely/table-introspector',
  'migration-lock',
  'pool/event-text',
  'pool/file-database',
  'pool/ledger',
  'transactions/session',
  'transactions/transaction-watchdog',
  'write-queue/batch-group',
] as const

/** A core, and the parts of it that were loaded since this was asked last. */
export interface UnusedCore {
  readonly core: typeof import('unbusy')
  loaded(): string[]
}

/** Loads the core anew, for this test alone. */
export async function unusedCore(): Promise<UnusedCore> {
  const loaded: string[] = []
  vi.resetModules()
  for (const part of parts) {
    vi.doMock(`../../src/${part}.ts`, async (original) => {
      loaded.push(part)
      return await original()
    })
  }
  return { core: await import('unbusy'), loaded: () => loaded.splice(0).sort() }
}
