/**
 * Whether what the doctor was given is a file that it can look at.
 *
 * @module
 */
import { constants, statSync } from 'node:fs'
import { isAllowed } from '../../adapters/_file-access.ts'
import { UnbusyError } from '../errors.ts'
import { parseDatabaseUrl } from '../options/database-url.ts'

/** The doctor cannot look at what it was given; nothing was opened. */
export class DoctorUsageError extends UnbusyError {
  override name = 'DoctorUsageError'
}

/** @throws {DoctorUsageError} If there is no such file, it is none, or it may not be read. */
export function assertIsFile(file: string): void {
  const location = withUsageErrorsNow(() => parseDatabaseUrl(file, 'the file'))
  if (location.kind === 'memory') {
    throw new DoctorUsageError(
      'Cannot examine :memory: as it lives in another process: use storage.doctor() there',
    )
  }
  if (location.kind === 'remote') {
    throw new DoctorUsageError(
      'Cannot examine a remote database as the doctor looks at files: use storage.doctor() in a program that has it open',
    )
  }
  const { path } = location
  const stat = withUsageErrorsNow(() => statSync(path, { throwIfNoEntry: false }))
  if (stat === undefined) {
    const left = ['-wal', '-journal'].find((suffix) =>
      statSync(`${path}${suffix}`, { throwIfNoEntry: false }),
    )
    const hint =
      left === undefined
        ? ''
        : `. But there is ${path}${left}, which belongs to a database of that name: bring back the file, and never create a new one beside it`
    throw new DoctorUsageError(`Cannot examine ${path} as there is no such file${hint}`)
  }
  if (stat.isDirectory())
    throw new DoctorUsageError(`Cannot examine ${path} as it is a folder: name the database file`)
  if (!stat.isFile()) throw new DoctorUsageError(`Cannot examine ${path} as it is not a regular file`)
  if (!isAllowed(path, constants.R_OK))
    throw new DoctorUsageError(
      `Cannot examine ${path} as this user may not read it: run the doctor as one who may`,
    )
}

/** What fails here is no finding about the file. */
export async function withUsageErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw usageError(error)
  }
}

function withUsageErrorsNow<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw usageError(error)
  }
}

/** What failed, as no finding about the file. */
export function usageError(cause: unknown): DoctorUsageError {
  return new DoctorUsageError(cause instanceof Error ? cause.message : String(cause), { cause })
}
