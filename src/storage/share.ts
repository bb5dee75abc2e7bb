/**
 * One storage over hot reloads: development servers (`bun --hot`, Vite, Next) run a module again while the storage that
 * it opened before is still open.
 *
 * @module
 */
import type { Storage } from '../storage.ts'

const shared = Symbol.for('unbusy.shared')

/**
 * Answers the storage that was opened under this key before, or opens it. A failed opening, or a closed storage, is
 * forgotten, so the next call opens again.
 *
 * @example
 * ```ts
 * export const storage = await shareStorage('app', () => openStorage<Database>({ url: 'file:app.db' }))
 * ```
 */
export function shareStorage<DB>(key: string, open: () => Promise<Storage<DB>>): Promise<Storage<DB>> {
  const scope = globalThis as { [shared]?: Map<string, Promise<unknown>> }
  scope[shared] ??= new Map()
  const storages = scope[shared]
  const reopenIfClosed = (storage: unknown): Promise<Storage<DB>> | Storage<DB> =>
    (storage as Storage<DB>).isClosed ? open() : (storage as Storage<DB>)
  // Chained, not awaited: two callers at once must not both open.
  const storage = storages.get(key)?.then(reopenIfClosed, open) ?? open()
  storages.set(key, storage)
  return storage
}
