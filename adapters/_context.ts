/**
 * The AsyncContext of runtimes that have AsyncLocalStorage: how the core notices a write through the outer `db` from
 * inside a transaction (contract C11).
 *
 * @module
 */
import type { AsyncContext } from '../src/connector.ts'

/** The part of `node:async_hooks` that is used. */
interface AsyncHooks {
  readonly AsyncLocalStorage: new () => Store
}

interface Store {
  getStore(): object | undefined
  enterWith(value: object | undefined): void
}

/** On globalThis: a transaction of one copy of this library must be seen by another. */
const key = Symbol.for('unbusy.context')

/** The context of this process, or `undefined` where the runtime has none. */
export const context: AsyncContext | undefined = createContext()

function createContext(): AsyncContext | undefined {
  const scope = globalThis as { [key]?: Store; process?: { getBuiltinModule?(name: string): unknown } }
  if (scope[key] === undefined) {
    // Not an import: bundlers and runtimes without the module must still load this file.
    const hooks = scope.process?.getBuiltinModule?.('node:async_hooks') as AsyncHooks | undefined
    if (hooks === undefined) return undefined
    const made = new hooks.AsyncLocalStorage()
    try {
      // Node 22 tracks promises only from the first use on: entered later, a value would leak into the caller.
      made.enterWith(undefined)
    } catch {
      // workerd has the class, and of it no enterWith().
      return undefined
    }
    scope[key] = made
  }
  const store = scope[key]
  return { get: () => store.getStore(), enter: (value) => store.enterWith(value) }
}
