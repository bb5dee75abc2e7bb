/**
 * What SQL says of a database: all checks in their order, its pages, and the pragmas of its connections.
 *
 * @module
 */
import type { Row } from '../values.ts'
import { checkForeignKeys, checkIntegrity } from './check-content.ts'
import { checkJournalMode, checkWal } from './check-wal.ts'
import type { Examination } from './examination.ts'
import { failedCheck } from './failed-check.ts'
import { formatBytes } from './format.ts'
import { checkSqliteVersion } from './known-bugs.ts'
import type { DoctorCheck } from './report.ts'

type Step = readonly [name: string, check: () => Promise<DoctorCheck | undefined>]

/** Looks at an open database. A check that fails says so in its place; it does not end the others. */
export async function checkDatabase(examination: Examination): Promise<DoctorCheck[]> {
  const { connector, others } = examination
  let version = ''
  const ofFile: Step[] = [
    ['sqlite-version', async () => checkSqliteVersion(connector, version, others.length)],
    ['journal-mode', () => checkJournalMode(examination)],
    ['wal', () => checkWal(examination, version)],
  ]
  const isRemote = connector.capabilities.remote === true
  const steps: Step[] = [
    ...(isRemote ? [['sqlite-version', async () => ofServer(version)] as const] : ofFile),
    ['pragmas', () => checkPragmas(examination)],
    ['pages', () => checkPages(examination)],
    ['foreign-keys', () => checkForeignKeys(examination)],
    ['integrity', () => checkIntegrity(examination)],
  ]
  const checks: DoctorCheck[] = []
  try {
    version = String((await examination.ask('select sqlite_version() as version'))[0]?.version)
  } catch (error) {
    // D1 refuses to tell.
    checks.push(failedCheck('sqlite-version', error))
    steps.splice(0, isRemote ? 1 : ofFile.length)
  }
  for (const [name, check] of steps) {
    const found = await check().catch((error) => failedCheck(name, error))
    if (found !== undefined) checks.push(found)
  }
  return checks
}

/** Nobody here opens its file: what to do about that is not for this program to say. */
function ofServer(version: string): DoctorCheck {
  return {
    name: 'sqlite-version',
    severity: 'info',
    message: `The server has SQLite ${version}; its journal and checkpoints are its own`,
    details: { version },
  }
}

async function checkPragmas({ ask, isStorage, connector }: Examination): Promise<DoctorCheck | undefined> {
  const name = 'pragmas'
  if (!isStorage) {
    return {
      name,
      severity: 'info',
      message:
        'synchronous, busy_timeout and foreign_keys are not stored in the file: each connection sets its own',
      advice:
        'unbusy sets them on every connection it opens; other programs that use the file have to do so themselves, or ' +
        'they fail with SQLITE_BUSY at once and do not check foreign keys',
    }
  }
  // Those of the writer: a reader would answer for itself.
  const [level, keys] = [await ownPragma(ask, 'synchronous'), await ownPragma(ask, 'foreign_keys')]
  const details = { synchronous: level, foreign_keys: keys }
  if (level === 0 && !connector.capabilities.singleConnection) {
    return {
      name,
      severity: 'danger',
      message: 'synchronous is OFF: a power loss can corrupt the database',
      advice: 'Leave it at NORMAL, or set FULL if no committed write may get lost by a power loss',
      details,
    }
  }
  if (keys === 0) {
    return {
      name,
      severity: 'warning',
      message: 'foreign_keys is OFF on the writer: rows can refer to rows that do not exist',
      advice: 'Leave it on, but for the migration that needs it off',
      details,
    }
  }
  return {
    name,
    severity: 'ok',
    message: `The writer has synchronous = ${level} and foreign_keys = ON`,
    details,
  }
}

async function checkPages({ ask, facts }: Examination): Promise<DoctorCheck> {
  const pageSizeBytes = await filePragma(ask, 'page_size')
  const pageCount = await filePragma(ask, 'page_count')
  const freePages = await filePragma(ask, 'freelist_count')
  const vacuum = ['none', 'full', 'incremental'][await filePragma(ask, 'auto_vacuum')]
  const details = { pageSizeBytes, pageCount, freePages, autoVacuum: vacuum, fileSizeBytes: facts?.sizeBytes }
  const freeBytes = freePages * pageSizeBytes
  const size = pageCount === 0 ? 'empty: it has no table yet' : formatBytes(pageCount * pageSizeBytes)
  const free = freePages === 0 ? 'none of them free' : `${freePages} of them free (${formatBytes(freeBytes)})`
  const pages =
    pageCount === 0 ? '' : `: ${pageCount} pages of ${pageSizeBytes} bytes, ${free}, auto_vacuum ${vacuum}`
  const isHollow = freeBytes > 16 * 1024 * 1024 && freePages * 4 > pageCount
  return {
    name: 'pages',
    severity: 'info',
    message: `The database is ${size}${pages}`,
    ...(isHollow && {
      advice: 'VACUUM, at a quiet time, gives the free pages back; new rows use them as well',
    }),
    details,
  }
}

/** A pragma of the file, which any connection can tell. */
async function filePragma(ask: Examination['ask'], name: string): Promise<number> {
  return onlyNumber(await ask(`select * from pragma_${name}`))
}

/** A pragma of the connection that writes. */
async function ownPragma(ask: Examination['ask'], name: string): Promise<number> {
  return onlyNumber(await ask(`PRAGMA ${name}`))
}

function onlyNumber([row]: readonly Row[]): number {
  return Number(Object.values(row ?? {})[0])
}
