/**
 * Versions of drivers with bugs that matter here. Data: add a row with its source when another one is found.
 *
 * @module
 */
import { hasWalResetBug } from '../connection/engine-version.ts'
import type { PartVersion } from '../connector/file-facts.ts'
import type { Connector } from '../connector.ts'
import type { DoctorCheck, DoctorSeverity } from './report.ts'

/** A bug of some versions of a part. */
interface KnownBug {
  readonly part: string
  /** The first version with it. @default {the first of all} */
  readonly since?: string
  /** The first version without it; absent while there is none. */
  readonly fixedIn?: string
  readonly severity: DoctorSeverity
  readonly what: string
  readonly advice: string
  readonly source: string
}

const knownBugs: readonly KnownBug[] = [
  {
    part: 'kysely',
    fixedIn: '0.29.8',
    severity: 'warning',
    what: 'leaks a connection when a transaction cannot begin or a controlled COMMIT fails, until nothing can be read any more',
    advice: 'Install kysely 0.29.8 or later',
    source: 'https://github.com/kysely-org/kysely/issues/1990',
  },
  {
    part: 'better-sqlite3',
    since: '13.0.0',
    fixedIn: '13.0.2',
    severity: 'warning',
    what: 'aborts the process when a worker thread is terminated while it uses the database',
    advice: 'Install better-sqlite3 13.0.2 or later, and let workers end by themselves',
    source: 'https://github.com/WiseLibs/better-sqlite3/issues/1507',
  },
  {
    part: 'libsql',
    severity: 'info',
    what: 'loses acknowledged writes after a statement met SQLITE_BUSY; unbusy takes its locks on another path and is not affected',
    advice:
      'Do not write to this file with @libsql/client beside unbusy: nothing protects those writes from the bug',
    source: 'https://github.com/tursodatabase/libsql-js/issues/237',
  },
]

/** Judges the SQLite that the driver brings: its version against the WAL-reset bug. */
export function checkSqliteVersion(
  { name: connector, capabilities }: Pick<Connector, 'name' | 'capabilities'>,
  version: string,
  otherProcesses: number,
): DoctorCheck {
  const name = 'sqlite-version'
  const details = { connector, version }
  if (capabilities.singleConnection) {
    return { name, severity: 'ok', message: `SQLite ${version} (of ${connector})`, details }
  }
  if (!hasWalResetBug(version)) {
    const message = `SQLite ${version} (of ${connector}) does not have the WAL-reset bug`
    return { name, severity: 'ok', message, details }
  }
  const others = otherProcesses > 0 ? ', and other processes have this one open now' : ''
  return {
    name,
    severity: otherProcesses > 0 ? 'danger' : 'warning',
    message: `SQLite ${version} (of ${connector}) has the WAL-reset bug: it can corrupt a file that several processes write and checkpoint at once${others}`,
    advice:
      'Let one process alone open the file with this driver, or use a driver with SQLite 3.51.3 or later, ' +
      'such as better-sqlite3, node-sqlite or bun-sqlite (https://www.sqlite.org/changes.html)',
    details,
  }
}

/** What no check can see, and no program survives: said each time (https://www.sqlite.org/howtocorrupt.html 2.2.1). */
export function adviseOneEngine(connector: string): DoctorCheck {
  return {
    name: 'engines',
    severity: 'info',
    message:
      'Whether one process opens the file with two SQLite libraries cannot be told: unbusy refuses that for its own ' +
      'connections of one thread, and does not see other threads or handles that were opened without it',
    advice:
      `Use ${connector} alone for this file in a whole process, and read it there with nothing else, fs included: two ` +
      'libraries drop the locks of each other, and acknowledged writes get lost',
  }
}

/** Judges the versions of the driver's parts; one check for each bug, or one that there is none. */
export function checkDriverVersions(connector: string, parts: readonly PartVersion[]): DoctorCheck[] {
  const name = 'driver'
  const listed = parts.map((part) => `${part.name} ${part.version}`).join(', ')
  const details = Object.fromEntries(parts.map((part) => [part.name, part.version]))
  const found = parts.flatMap((part) =>
    knownBugs.filter((bug) => hasBug(part, bug)).map((bug) => ({ part, bug })),
  )
  if (found.length === 0) {
    const message = `No bug is known of ${connector} in these versions: ${listed || 'the versions cannot be told'}`
    return [{ name, severity: parts.length === 0 ? 'info' : 'ok', message, details }]
  }
  return found.map(({ part, bug }) => ({
    name,
    severity: bug.severity,
    message: `${part.name} ${part.version} ${bug.what}`,
    advice: `${bug.advice} (${bug.source})`,
    details,
  }))
}

function hasBug(part: PartVersion, bug: KnownBug): boolean {
  if (part.name !== bug.part) return false
  if (bug.since !== undefined && isOlder(part.version, bug.since)) return false
  return bug.fixedIn === undefined || isOlder(part.version, bug.fixedIn)
}

/** Compares the three numbers; what follows them (a pre-release) does not count. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(/[.+-]/).slice(0, 3).map(Number))
  const at = b?.findIndex((part, index) => part !== a?.[index]) ?? -1
  return at !== -1 && (a?.[at] ?? 0) < (b?.[at] ?? 0)
}
