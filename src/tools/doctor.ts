/**
 * `npx unbusy doctor <file>`: looks at a database file from outside, in a process of its own.
 *
 * What is beside the file is looked at before the file is opened: the first program to open a crashed database and close it
 * again takes the evidence away. A database with a WAL that nobody uses is opened read-only where the driver can.
 *
 * @module
 */
import { missingPermission } from '../../adapters/_permission.ts'
import { connectorFor } from '../../adapters/auto.ts'
import type { DialectName } from '../config.ts'
import type { ConnectionOptions } from '../connection/physical-connection.ts'
import { PatientConnection } from '../connection.ts'
import type { FileFacts } from '../connector/file-facts.ts'
import type { Connector } from '../connector.ts'
import { checkDatabase } from '../doctor/check-database.ts'
import { otherHolders } from '../doctor/check-file.ts'
import type { Examination } from '../doctor/examination.ts'
import { type DoctorCheck, type DoctorReport, reportOf } from '../doctor/report.ts'
import { type LockWait, startLockWait } from '../lock-wait.ts'
import { checkSurroundings } from '../storage/doctor.ts'
import { systemClock } from '../time/clock.ts'
import { assertIsFile, DoctorUsageError, usageError, withUsageErrors } from './doctor-file.ts'
import { couldLeaveFiles, leftAlone, openingCheck, openingOptions, takenOver } from './doctor-opening.ts'

/** What the doctor is asked. */
export interface DoctorRequest {
  /** A path or a `file:` URL. */
  readonly file: string
  /** The driver to use. @default {the one that `unbusy/auto` would choose} */
  readonly dialect?: DialectName
  /** Whether to read the whole database. @default {true} */
  readonly scan?: boolean
  /** How long each statement may wait for a lock, in milliseconds. @default {5_000} */
  readonly lockTimeoutMs?: number
}

/** The others open no files. */
const fileDialects: readonly DialectName[] = ['better-sqlite3', 'node-sqlite', 'bun-sqlite', 'libsql']

const connectionOptions: ConnectionOptions = {
  pragmas: {},
  inMemory: false,
  settings: { integers: 'auto', maxCachedStatements: 0 },
}

/**
 * Examines a database file. It is never created, and nothing in it is changed but by a PASSIVE checkpoint.
 *
 * @throws {DoctorUsageError} If there is no such file, it may not be opened, or the driver cannot be used.
 */
export async function examineFile(request: DoctorRequest): Promise<DoctorReport> {
  const { file, dialect } = request
  assertIsFile(file)
  if (dialect !== undefined && !fileDialects.includes(dialect)) {
    const names = fileDialects.join(', ')
    throw new DoctorUsageError(
      `Cannot examine a file with '${dialect}' as the dialect must be one of ${names}`,
    )
  }
  const connector = await withUsageErrors(() =>
    connectorFor({ url: file, ...(dialect !== undefined && { dialect }) }),
  )
  const name = connector.name as DialectName
  await withUsageErrors(() => assertDriverWorks(name))
  const facts = await connector.file?.facts()
  const checks = checkSurroundings(name, connector.file, facts)
  checks.push(...(await examineContent(request, name, facts)))
  return reportOf(connector.location, checks)
}

async function examineContent(
  { file: url, scan = true, lockTimeoutMs = 5_000 }: DoctorRequest,
  dialect: DialectName,
  facts: FileFacts | undefined,
): Promise<DoctorCheck[]> {
  const others = facts === undefined ? [] : otherHolders(facts)
  const isLeft = facts !== undefined && hasLeftovers(facts)
  const wantsReadOnly = isLeft || facts?.isWritable === false
  const { existing, readOnly } = openingOptions[dialect] ?? {}
  const driverOptions = (wantsReadOnly ? readOnly : existing) ?? {}
  const canWrite = facts?.isWritable !== false && (!wantsReadOnly || readOnly === undefined)
  const connector = await connectorFor({ url, dialect, driverOptions })
  const startWait = (): LockWait => startLockWait(systemClock, lockTimeoutMs)
  let reader: PatientConnection | undefined
  try {
    if (facts !== undefined && couldLeaveFiles(facts)) return [leftAlone]
    reader = await PatientConnection.open(connector, 'reader', connectionOptions, startWait())
    const ask = askThrough(reader, startWait)
    // Most drivers open anything; what the file is shows at the first read.
    await ask('select count(*) from sqlite_schema')
    const checks = await checkDatabase({ connector, ask, facts, others, canWrite, isStorage: false, scan })
    return isLeft && canWrite ? [takenOver(dialect), ...checks] : checks
  } catch (error) {
    // What this program was not allowed to do, such as to write on Deno, says nothing about the file.
    if (missingPermission(error) !== undefined) throw usageError(error)
    return [openingCheck(error, facts, canWrite)]
  } finally {
    await reader?.close()
    await connector.close?.()
  }
}

function askThrough(reader: PatientConnection, startWait: () => LockWait): Examination['ask'] {
  return async (sql) =>
    (await reader.execute({ sql, parameters: [], kind: 'alone', cacheable: false }, startWait())).rows
}

/** Something is beside the file and nobody is known to use it: to open it for writing could take it over. */
function hasLeftovers({ sidecars, holders }: FileFacts): boolean {
  const isInUse = holders?.processes.some(({ hasDeletedFile }) => !hasDeletedFile)
  return !isInUse && sidecars.some(({ suffix, sizeBytes }) => suffix !== '-shm' && sizeBytes > 0)
}

/** A driver that is missing says nothing about the file; in memory it shows without touching it. */
async function assertDriverWorks(dialect: DialectName): Promise<void> {
  const connector: Connector = await connectorFor({ url: ':memory:', dialect })
  const connection = await connector.connect('reader', connectionOptions.settings)
  await connection.close()
  await connector.close?.()
}
