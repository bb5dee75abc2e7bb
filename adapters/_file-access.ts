/**
 * What the system tells of a path, without opening it. A file of its own, as its types are those of Node, which not
 * everybody has.
 *
 * @module
 */
import { accessSync, type BigIntStats, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { missingPermission } from './_permission.ts'

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

/**
 * Device and inode, which links and spellings of the path do not change; bigint, as inodes exceed 2^53 on some systems. One
 * that is open is not given to a new file. `undefined` where there is nothing; throws where this process may not look.
 */
export function identityOf(path: string): string | undefined {
  const stats: BigIntStats | undefined = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`
}

/** {@linkcode identityOf}, but `undefined` also where this process may not look. */
export function seenIdentityOf(path: string): string | undefined {
  try {
    return identityOf(path)
  } catch {
    return undefined
  }
}

/** Where the path is a link, SQLite keeps `-wal` and `-shm` beside the file, not beside the link. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // Missing, if only by now: that is for those to say who look at it.
    return path
  }
}

/**
 * What the runtime throws where it does not let this process look at the files of a database and at their folder, as each write
 * does. Where nobody asks, a file that may not be looked at is taken for one that is not there.
 */
export function refusedLook(path: string): unknown {
  const file = realPathOf(path)
  for (const each of [dirname(file), file, `${file}-wal`, `${file}-shm`]) {
    try {
      statSync(each)
    } catch (error) {
      if (missingPermission(error) !== undefined) return error
    }
  }
  return undefined
}
