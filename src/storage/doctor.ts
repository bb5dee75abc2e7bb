/**
 * `storage.doctor()`: a look at an open storage with what SQL and its connector can tell, on every runtime.
 *
 * @module
 */
import type { DatabaseFile, FileFacts } from '../connector/file-facts.ts'
import { checkDatabase } from '../doctor/check-database.ts'
import { checkFile, otherHolders } from '../doctor/check-file.ts'
import type { DoctorOptions } from '../doctor/examination.ts'
import { checkFileSystem } from '../doctor/file-systems.ts'
import { adviseOneEngine, checkDriverVersions } from '../doctor/known-bugs.ts'
import { type DoctorCheck, type DoctorReport, reportOf } from '../doctor/report.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import { queryAlone } from '../pool/router.ts'
import type { ConnectionPool } from '../pool.ts'
import type { Row } from '../values.ts'

/**
 * Looks at the database of an open storage, through its own connections.
 *
 * @throws {StorageClosedError} If the storage closes meanwhile.
 */
export async function examineStorage(
  pool: ConnectionPool,
  { scan = true, lockTimeoutMs = 2_000 }: DoctorOptions,
): Promise<DoctorReport> {
  const { connector } = pool
  // Before all other writes: what the doctor asks of the writer takes no time.
  const wait: WaitOptions = { lane: 'control', lockTimeoutMs }
  const facts = await connector.file?.facts()
  const checks = checkSurroundings(connector.name, connector.file, facts)
  const found = await checkDatabase({
    connector,
    ask: async (sql) => (await queryAlone(pool, { sql, parameters: [] }, wait)).rows as Row[],
    facts,
    others: facts === undefined ? [] : otherHolders(facts),
    canWrite: !connector.capabilities.singleConnection,
    isStorage: true,
    scan,
  })
  return reportOf(connector.location, [...checks, ...found])
}

/** What is told without a word of SQL: the driver, the file system, the file and what is beside it. */
export function checkSurroundings(
  connector: string,
  file: DatabaseFile | undefined,
  facts: FileFacts | undefined,
): DoctorCheck[] {
  if (file === undefined) return []
  return [
    ...checkDriverVersions(connector, file.partVersions()),
    adviseOneEngine(connector),
    checkFileSystem(file.fileSystemType()),
    ...(facts === undefined ? [] : checkFile(facts)),
  ]
}
