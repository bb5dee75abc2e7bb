/**
 * The journal of a database: its mode, and whether a WAL can be brought into the file.
 *
 * @module
 */
import { checkpointStatement, toCheckpointResult } from '../checkpoint/wal-gauge.ts'
import { hasNoopCheckpoint, hasWalResetBug } from '../connection/engine-version.ts'
import type { FileHolder } from '../connector/file-facts.ts'
import type { Row } from '../values.ts'
import type { Examination } from './examination.ts'
import { formatBytes, listHolders } from './format.ts'
import type { DoctorCheck } from './report.ts'

/** What SQLite holds before it checkpoints by itself (1000 pages of 4 KiB): a WAL beyond it did not get through. */
const ordinaryWalBytes = 4 * 1024 * 1024
/** `journal_size_limit` of this library is 16 MiB; four times that has stayed for long. */
const largeWalBytes = 64 * 1024 * 1024

/** As a SELECT it is answered by a reader: it does not wait behind writes that wait. */
const journalMode = 'select journal_mode from pragma_journal_mode'

/** The journal mode of the file. */
export async function checkJournalMode({ ask, connector }: Examination): Promise<DoctorCheck> {
  const name = 'journal-mode'
  const [row] = await ask(journalMode)
  const mode = String(row?.journal_mode)
  const details = { mode }
  if (mode === 'wal') {
    return {
      name,
      severity: 'ok',
      message: 'The journal mode is WAL: readers and the writer do not wait for each other',
      details,
    }
  }
  if (connector.capabilities.singleConnection) {
    return {
      name,
      severity: 'ok',
      message: `The database is in one connection: journal mode ${mode}`,
      details,
    }
  }
  return {
    name,
    severity: 'warning',
    message: `The journal mode is ${mode}: readers keep the writer waiting, the writer keeps readers waiting, and each write costs more`,
    advice:
      'openStorage() switches the file to WAL unless told otherwise; by hand it is PRAGMA journal_mode = WAL, once, ' +
      'while no other program has the file open',
    details,
  }
}

/** How large the WAL is, and whether a PASSIVE checkpoint, which waits for nobody, can bring all of it into the file. */
export async function checkWal(examination: Examination, version: string): Promise<DoctorCheck | undefined> {
  const name = 'wal'
  const [mode] = await examination.ask(journalMode)
  if (mode?.journal_mode !== 'wal') return undefined
  const { ask, facts } = examination
  const sizeBytes = facts?.sidecars.find(({ suffix }) => suffix === '-wal')?.sizeBytes
  const size = sizeBytes === undefined ? 'The WAL' : `The WAL (${formatBytes(sizeBytes)})`
  const hold = reasonNotToCheckpoint(examination, version)
  if (hold !== undefined) {
    // It looks and does nothing; before 3.51 the word is unknown, and would be a real checkpoint.
    const noop = checkpointStatement('noop').sql
    // On a file that cannot be written even that is refused.
    const looked = hasNoopCheckpoint(version) ? await ask(noop).then(framesOf, () => undefined) : undefined
    const left =
      looked === undefined
        ? ''
        : `; ${looked.log - looked.checkpointed} of its ${looked.log} frames are not in the file yet`
    return {
      name,
      severity: (sizeBytes ?? 0) > largeWalBytes ? 'warning' : 'info',
      message: `${size} was not checkpointed ${hold}${left}`,
      details: { sizeBytes, ...looked },
    }
  }
  const frames = framesOf(await ask(checkpointStatement('passive').sql))
  const details = { sizeBytes, ...frames }
  if (frames.busy) {
    return {
      name,
      severity: 'info',
      message: `${size} is being checkpointed by another connection now`,
      advice: 'Run the doctor again: if it is always so, a program is stuck in a checkpoint',
      details,
    }
  }
  const left = frames.log - frames.checkpointed
  if (left <= 0) {
    if ((sizeBytes ?? 0) <= largeWalBytes) {
      return {
        name,
        severity: 'ok',
        message: `${size} can be checkpointed: no reader holds it back`,
        details,
      }
    }
    return {
      name,
      severity: 'warning',
      message: `${size} can be checkpointed now, but it has grown large: readers held it back, or nobody checkpointed`,
      advice: `It is used again from its start and does not grow further. ${shrink}`,
      details,
    }
  }
  const leftBytes = left * (await pageSizeOf(examination))
  return {
    name,
    severity: leftBytes > ordinaryWalBytes || (sizeBytes ?? 0) > largeWalBytes ? 'warning' : 'info',
    message: `${left} of ${frames.log} frames of the WAL (${formatBytes(leftBytes)}) cannot be checkpointed as a reader still needs what was before them${pinnedBy(facts?.holders?.processes ?? [])}`,
    advice: `While it reads, the WAL grows and every read gets slower. End that transaction, statement or stream; if it lives for a moment only, nothing has to be done. ${shrink}`,
    details,
  }
}

const shrink =
  'After the readers have ended, PRAGMA wal_checkpoint(TRUNCATE), or closing all programs, makes it small'

function reasonNotToCheckpoint({ canWrite }: Examination, version: string): string | undefined {
  if (!canWrite) return 'as the doctor opened the database read-only'
  if (!hasWalResetBug(version)) return undefined
  return `as SQLite ${version} has the WAL-reset bug: the doctor leaves that to the programs that own the file`
}

function pinnedBy(holders: readonly FileHolder[]): string {
  const readers = holders.filter(({ activities }) => activities.includes('reading'))
  if (readers.length === 0) return ''
  return `: ${readers.length === 1 ? 'process' : 'one of the processes'} ${listHolders(readers)}`
}

/** Under the names that SQLite gives them: those of the report. */
interface Frames {
  readonly busy: boolean
  readonly log: number
  readonly checkpointed: number
}

function framesOf([row]: readonly Row[]): Frames {
  const { isBusy, logFrames, checkpointedFrames } = toCheckpointResult(row)
  return { busy: isBusy, log: logFrames, checkpointed: checkpointedFrames }
}

async function pageSizeOf({ ask }: Examination): Promise<number> {
  const [row] = await ask('select page_size from pragma_page_size')
  return Number(row?.page_size)
}
