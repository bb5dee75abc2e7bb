/**
 * What it means for the database that a check met an error.
 *
 * @module
 */
import { LockTimeoutError, StorageClosedError } from '../errors.ts'
import { hasResultCode, isCorrupt } from '../result-code.ts'
import type { DoctorCheck } from './report.ts'

/**
 * What it means that a check could not be made.
 *
 * @throws {StorageClosedError} The error, if it is one: a report of what was not looked at would find nothing wrong.
 */
export function failedCheck(name: string, error: unknown): DoctorCheck {
  if (error instanceof StorageClosedError) throw error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof LockTimeoutError) {
    return {
      name,
      severity: 'warning',
      message: `The database stayed locked: ${message}`,
      advice:
        'A program holds a transaction open, recovers or closes the database, or uses locking_mode = EXCLUSIVE. Look which ' +
        'process has the file open, and run the doctor again: a lock that stays is a transaction that never ends',
    }
  }
  // What is no database at all does not come so far.
  if (hasResultCode(error, isCorrupt))
    return { name, severity: 'danger', message: `The database is damaged: ${message}`, advice: recover }
  return { name, severity: 'info', message: `Cannot tell: ${message}` }
}

/** What to do with a damaged database (https://www.sqlite.org/recovery.html). */
export const recover: string =
  'Stop every program that writes to it, copy the file together with its -wal, and restore a backup; without one, ' +
  'sqlite3 <file> .recover reads what can be read. Then find the cause: https://www.sqlite.org/howtocorrupt.html'
