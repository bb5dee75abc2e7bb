/**
 * One storage over hot reloads: development servers (`bun --hot`, Vite, Next) run a module again while the storage that
 * it opened before is still open.
 *
 * @module
 */
import { UnbusyError } from '../errors/unbusy-error.ts'
import type { Storage } from '../storage.ts'

const shared = Symbol.for('unbusy.shared')

/**
 * Answers the storage that was opened under this key before, or opens it. A failed opening, or a closed storage, is
 * forgotten, so the next call opens again. `instanceof` knows the errors of a storage that was opened before a reload.
 *
 * @example
 * ```ts
 * export const storage = await shareStorage('app', () => openStorage<Database>({ url: 'file:app.db' }))
 * ```
 */
export function shareStorage<DB>(key: string, open: () => Promise<Storage<DB>>): Promise<Storage<DB>> {
  Object.defineProperty(UnbusyError, Symbol.hasInstance, { value: isInstance, configurable: true })
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

/**
 * `bun --hot` loads the packages anew too, and the storage goes on throwing errors of the classes of before. Two classes
 * that read the same are one, as a program sees it: each has its name in its text, also where names are shortened.
 */
function isInstance(this: unknown, error: unknown): boolean {
  const text = String(this)
  for (let link = error; link instanceof Object; link = Object.getPrototypeOf(link)) {
    if (String(link.constructor) === text) return true
  }
  return false
}
