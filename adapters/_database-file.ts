/**
 * What Node's file system calls tell of a database file, for the doctor. On no runtime is the file opened: closing a
 * descriptor of it would drop the locks that SQLite holds in this process.
 *
 * @module
 */
import { constants, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseFile, FileFacts, SidecarFile } from '../src/connector/file-facts.ts'
import { isAllowed, realPathOf, statOf } from './_file-access.ts'
import { holdersOf } from './_file-holders.ts'
import { partVersions } from './_part-versions.ts'

const suffixes = ['-wal', '-shm', '-journal'] as const

/**
 * The part of a connector that speaks of its file.
 *
 * @param place Where the database is by the time of a question.
 * @param driver The name of the connector.
 */
export function databaseFile(place: { readonly path: string }, driver: string): DatabaseFile {
  return {
    fileSystemType: () => fileSystemType(place.path),
    partVersions: () => partVersions(driver),
    facts: () => factsOf(place.path),
  }
}

/** The number is Linux's; other systems have numbers of their own. */
function fileSystemType(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return statfsSync(path).type
  } catch {
    return undefined
  }
}

async function factsOf(name: string): Promise<FileFacts | undefined> {
  // SQLite follows links before it names the files beside.
  const path = realPathOf(name)
  const stat = statOf(path)
  if (stat === undefined) return undefined
  const folder = dirname(path)
  return {
    path,
    sizeBytes: stat.size,
    nameCount: stat.nlink,
    isWritable: isWritable(path),
    folder,
    isFolderWritable: isWritable(folder),
    sidecars: suffixes.flatMap((suffix): SidecarFile[] => {
      const sidecar = statOf(`${path}${suffix}`)
      if (sidecar === undefined) return []
      return [{ suffix, sizeBytes: sidecar.size, isWritable: isWritable(`${path}${suffix}`) }]
    }),
    holders: await holdersOf(path),
  }
}

function isWritable(path: string): boolean {
  return isAllowed(path, constants.W_OK)
}
