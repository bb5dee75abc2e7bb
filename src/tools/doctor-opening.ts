/**
 * How the doctor opens a file with each driver, and what it means when that fails.
 *
 * @module
 */
import type { FileFacts } from '../connector/file-facts.ts'
import { failedCheck } from '../doctor/failed-check.ts'
import type { DoctorCheck } from '../doctor/report.ts'
import { hasResultCode, isCannotOpen, isNotADatabase, isReadonly } from '../result-code.ts'

type DriverOptions = Readonly<Record<string, unknown>>

/** How a driver opens a file that exists: to look, or without a write at all. libSQL has no such options. */
export const openingOptions: Readonly<
  Record<string, { readonly existing: DriverOptions; readonly readOnly: DriverOptions }>
> = {
  'better-sqlite3': { existing: { fileMustExist: true }, readOnly: { readonly: true } },
  'node-sqlite': { existing: {}, readOnly: { readOnly: true } },
  'bun-sqlite': { existing: { readwrite: true, create: false }, readOnly: { readonly: true } },
}

/** Said where a driver cannot open a file without taking over what a crash left. */
export function takenOver(dialect: string): DoctorCheck {
  return {
    name: 'open',
    severity: 'info',
    message: `${dialect} cannot open a file read-only: by being opened and closed, the database took over what was left beside it`,
    advice: 'Nothing is lost by that. Another dialect leaves the files as they are',
  }
}

/**
 * Whether to read the database could leave a -wal and -shm of this user beside it: SQLite makes them in WAL mode, and removes
 * them only if it may write to the database. Who may could not write to them, and with them not to his database any more.
 * Which mode it is in is known to nobody who has not opened it.
 */
export function couldLeaveFiles({ isWritable, isFolderWritable, sidecars }: FileFacts): boolean {
  const isThere = (suffix: string): boolean => sidecars.some((sidecar) => sidecar.suffix === suffix)
  return !isWritable && isFolderWritable && !(isThere('-wal') && isThere('-shm'))
}

/** Said where the content is left alone for that. */
export const leftAlone: DoctorCheck = {
  name: 'open',
  severity: 'warning',
  message:
    'The content was not looked at: in WAL mode SQLite would leave a -wal and -shm of this user beside the file, and ' +
    'programs that may write to the file could not write to them, and to the database no more',
  advice: 'Run the doctor as a user who may write to the file',
}

/** Why the content could not be looked at. */
export function openingCheck(error: unknown, facts: FileFacts | undefined, canWrite: boolean): DoctorCheck {
  const name = 'open'
  const mayWrite = canWrite && facts?.isFolderWritable !== false
  const message = error instanceof Error ? error.message : String(error)
  if (hasResultCode(error, isNotADatabase)) {
    return {
      name,
      severity: 'danger',
      message: 'The file is not a SQLite database, or it is an encrypted one',
      advice:
        'See whether the path is right. If it was a database, something wrote over its first page: stop the programs that ' +
        'use it and restore a backup',
    }
  }
  const hasJournal = facts?.sidecars.some(({ suffix, sizeBytes }) => suffix === '-journal' && sizeBytes > 0)
  if (!mayWrite && hasJournal && hasResultCode(error, isReadonly)) {
    return {
      name,
      severity: 'warning',
      message:
        'A transaction was cut off in the middle and has to be undone from the -journal before anything can be read',
      advice:
        'Open the database once with your program, or any other that may write to it: it is undone at the first read. ' +
        'Then run the doctor again. To keep the evidence, copy the file and its -journal before',
    }
  }
  if (!mayWrite && (hasResultCode(error, isReadonly) || hasResultCode(error, isCannotOpen))) {
    return {
      name,
      severity: 'warning',
      message: `The database cannot be read without writing: ${message}`,
      advice:
        'In WAL mode even a reader has to create and write -shm and -wal beside the file, above all after a crash, when ' +
        'it recovers the WAL. Run the doctor as a user who may write to the file and its folder',
    }
  }
  const failed = failedCheck(name, error)
  return failed.severity === 'info'
    ? { ...failed, severity: 'danger', message: `Cannot open it: ${message}` }
    : failed
}
