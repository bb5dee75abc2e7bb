/**
 * The package `@libsql/client` is an optional peer: what is said where it cannot be loaded, whichever part of it.
 *
 * @module
 */
import { OpenError } from '../src/errors.ts'
import { missingPermission } from './_permission.ts'

/** @param cause What `import()` failed with. */
export function cannotLoadClient(cause: unknown): OpenError {
  const cure = missingPermission(cause) ?? 'install it with npm install @libsql/client'
  return new OpenError(`Cannot load the package @libsql/client: ${cure}`, { cause })
}
