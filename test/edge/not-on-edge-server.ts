/**
 * Which contract cases cannot hold on a libSQL server as an isolate meets it, and why: the limits of the tier, and those
 * of the isolate.
 *
 * @module
 */
import { reasonOnServer } from '../contract/server-limits.ts'

const bundled = 'the stack of a bundle does not name the file'
const noContext =
  'AsyncLocalStorage of workerd has no enterWith(): without a context the lock budget ends such a wait'

const reasons: readonly (readonly [title: RegExp, reason: string])[] = [
  [/^Batches: C6 an error in the middle/, bundled],
  [/^Prepared queries: prepare\(\) throws at once/, bundled],
  [/^storage: shareStorage\(\) answers the same/, 'a bundle has no second copy of a module'],
  [/^Batches: C11 a batch that is awaited inside/, noContext],
  [
    /^outer writes: C11 (an awaited outer write inside a transaction|an outer transaction|a flush that is awaited)/,
    noContext,
  ],
]

/** Why this case is left out, `undefined` if it is not. */
export function notOnEdgeServer(title: string): string | undefined {
  const name = title.slice(title.indexOf(': ') + 2)
  return reasonOnServer(name, 'no-file') ?? reasons.find(([pattern]) => pattern.test(title))?.[1]
}

/** The lines of the table that no case is meant by: they are out of date. */
export function unusedReasons(titles: readonly string[]): string[] {
  return reasons.filter(([pattern]) => !titles.some((title) => pattern.test(title))).map(String)
}
