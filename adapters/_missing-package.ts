/**
 * The packages of drivers are optional peers: what is said where one cannot be loaded, whichever part of it.
 *
 * @module
 */
import { OpenError } from '../src/errors.ts'
import { missingPermission } from './_permission.ts'

/**
 * @param command What installs the package.
 * @param cause What `import()` failed with; it need not be an `Error`, as on Bun.
 */
export function cannotLoad(name: string, command: string, cause: unknown): OpenError {
  const what = `Cannot load the package ${name}`
  const denied = missingPermission(cause)
  if (denied !== undefined) return new OpenError(`${what}: ${denied}`, { cause })
  const [reason = ''] = String((cause as { message?: unknown })?.message ?? cause).split('\n')
  // Every runtime, and every bundler, puts what it did not find into quotes.
  const isMissing = new RegExp(`["']${name}["'/]`).test(reason)
  // What it needs may be missing, such as its binary for this platform; to install it once more would not help.
  const rest = isMissing ? `: install it with ${command}` : `, which is there: ${reason}`
  return new OpenError(`${what}${rest}`, { cause })
}

/** What is said of `@libsql/client`, which is loaded in two places. */
export function cannotLoadClient(cause: unknown): OpenError {
  return cannotLoad('@libsql/client', 'npm install @libsql/client', cause)
}
