/**
 * What lies beside the database of a case.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CaseContext } from './case.ts'

/**
 * The names of the files in the folder of a case. libSQL's `-wal` and `-shm` are given back when the garbage collector finds
 * its last statement. On Bun the collector may be late, at the latest with the process, so they are left out there.
 */
export async function databaseFiles({
  connector,
  path,
}: Pick<CaseContext, 'connector' | 'path'>): Promise<string[]> {
  // The files of a server that is given are its own affair; all else that the case is about holds.
  if (connector === 'libsql-server' && path.includes('://')) return ['case.db']
  const names = await readdir(dirname(path))
  const isLate = connector === 'libsql' && 'Bun' in globalThis
  return isLate ? names.filter((name) => !/-(wal|shm)$/.test(name)) : names
}
