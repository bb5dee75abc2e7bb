/**
 * What the version of the SQLite library means for the safety of a file.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import type { Connector } from '../connector.ts'
import { type Warn, warnOnce } from '../events/warning.ts'
import type { LockWait } from '../lock-wait.ts'

/**
 * Whether this SQLite version has the WAL-reset bug: when two connections write and checkpoint at once, a checkpoint
 * can reset a WAL that still holds committed frames. Fixed in 3.51.3 and 3.53.0, with backports in 3.44.6 and 3.50.7
 * (https://www.sqlite.org/changes.html).
 */
export function hasWalResetBug(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major !== 3 || minor < 7) return false
  if (minor === 44) return patch < 6
  if (minor === 50) return patch < 7
  if (minor === 51) return patch < 3
  return minor < 51 || minor === 52
}

/**
 * Whether `PRAGMA wal_checkpoint(NOOP)` tells how full the WAL is and does nothing. Before 3.51 the unknown mode is taken
 * for PASSIVE, without a word.
 */
export function hasNoopCheckpoint(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 51)
}

/**
 * Says once a process what is dangerous about the engine.
 *
 * @returns The version of the SQLite library.
 */
export async function warnAboutEngine(
  writer: PatientConnection,
  wait: LockWait,
  connector: Connector,
  warn?: Warn,
): Promise<string> {
  const sql = 'select sqlite_version() as version'
  const { rows } = await writer.execute({ sql, parameters: [], kind: 'read', cacheable: false }, wait)
  const version = String(rows[0]?.version)
  if (!hasWalResetBug(version)) return version
  warnOnce(
    `${connector.name} ${version}`,
    `unbusy: ${connector.name} brings SQLite ${version}, whose WAL-reset bug can corrupt a file that several processes ` +
      'write at once (fixed in 3.51.3): keep this file to one process, or choose another dialect',
    warn,
  )
  return version
}
