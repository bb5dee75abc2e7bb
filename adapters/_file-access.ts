/**
 * What the system tells of a path, without opening it. A file of its own, as its types are those of Node, which not
 * everybody has.
 *
 * @module
 */
import { accessSync, type Stats, statSync } from 'node:fs'

/** `undefined` where there is nothing, and where this process may not look. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** Whether this process may read or write it, as far as the runtime tells. */
export function isAllowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch (error) {
    // Deno cannot tell without `--allow-sys`: only what the file system refuses is refused.
    return !['EACCES', 'EPERM', 'EROFS'].includes((error as { readonly code?: string }).code ?? '')
  }
}
