/**
 * What the surroundings of a database file say: who has it open, what was left beside it, who may write it.
 *
 * @module
 */
import type { FileFacts, FileHolder, SidecarFile } from '../connector/file-facts.ts'
import { formatBytes, listHolders } from './format.ts'
import type { DoctorCheck } from './report.ts'

/** Judges the facts of a file. */
export function checkFile(facts: FileFacts): DoctorCheck[] {
  return [checkHolders(facts), checkSidecars(facts), checkPermissions(facts), checkNames(facts)]
}

/** The other processes that have the file open now. */
export function otherHolders({ holders }: FileFacts): readonly FileHolder[] {
  return (holders?.processes ?? []).filter(({ isSelf, hasDeletedFile }) => !isSelf && !hasDeletedFile)
}

function checkHolders(facts: FileFacts): DoctorCheck {
  const name = 'open-files'
  const { holders } = facts
  if (holders === undefined) {
    return {
      name,
      severity: 'info',
      message: 'Cannot tell which processes have the file open: this system does not say',
      advice: 'On macOS, lsof with the path of the file tells; on Windows, the Resource Monitor',
    }
  }
  const details = { ...holders }
  const stale = holders.processes.filter(({ hasDeletedFile }) => hasDeletedFile)
  if (stale.length > 0) {
    return {
      name,
      severity: 'danger',
      message: `The file or its -wal was deleted or replaced while it was open: processes ${listHolders(stale)} still use the old one, and nobody else sees what they write`,
      advice:
        'Restart them; what they wrote since is lost when they end. Copy over a database with VACUUM INTO or after all programs have closed it',
      details,
    }
  }
  const others = otherHolders(facts)
  const { hiddenProcesses } = holders
  const hidden =
    hiddenProcesses > 0 ? ` (${hiddenProcesses} processes of other users show their locks only)` : ''
  if (others.length === 0) {
    return {
      name,
      severity: 'ok',
      message: `No other process that this system shows has the file open${hidden}`,
      details,
    }
  }
  const have = others.length === 1 ? '1 other process has' : `${others.length} other processes have`
  return {
    name,
    severity: 'info',
    message: `${have} the file open: ${listHolders(others)}${hidden}`,
    details,
  }
}

function checkSidecars(facts: FileFacts): DoctorCheck {
  const name = 'sidecar-files'
  const { sidecars, holders, path } = facts
  const details = { files: sidecars }
  const listed = sidecars.map(({ suffix, sizeBytes }) => `${suffix} (${formatBytes(sizeBytes)})`).join(', ')
  const file = path.replace(/^.*[/\\]/, '')
  if (sidecars.length === 0) {
    return { name, severity: 'ok', message: 'There is no -wal, -shm or -journal beside the file', details }
  }
  if (holders === undefined) {
    return {
      name,
      severity: 'info',
      message: `Beside ${file} there is ${listed}; whether a program uses it cannot be told here`,
      advice: `Never delete it: it belongs to the database. ${takenOver}`,
      details,
    }
  }
  if (holders.processes.some(({ hasDeletedFile }) => !hasDeletedFile)) {
    return { name, severity: 'ok', message: `In use: ${listed}`, details }
  }
  const wal = filled(sidecars, '-wal')
  if (wal !== undefined) {
    return {
      name,
      severity: 'warning',
      message: `${file}-wal (${formatBytes(wal.sizeBytes)}) is there and no process that this system shows has the database open: a program ended without closing it, or runs in another container`,
      advice: `It can hold committed transactions that ${file} does not have yet: never delete it, and never copy or move ${file} without it. ${takenOver}`,
      details,
    }
  }
  const journal = filled(sidecars, '-journal')
  if (journal !== undefined) {
    return {
      name,
      severity: 'warning',
      message: `${file}-journal (${formatBytes(journal.sizeBytes)}) is there and no process that this system shows has the database open: a program ended in the middle of a transaction, or runs in another container, or the journal mode is PERSIST`,
      advice: `It can be needed to undo half a transaction: without it the database is corrupt. Never delete it, and never copy or move ${file} without it. ${takenOver}`,
      details,
    }
  }
  return {
    name,
    severity: 'info',
    message: `Left by a program that did not close the database, or could only read it: ${listed}. They hold no data`,
    advice: 'Nothing has to be done: the next program that opens and closes the database removes them',
    details,
  }
}

const takenOver =
  'The next program that opens the database and may write to it takes over what is in it, and nothing is lost'

function filled(sidecars: readonly SidecarFile[], suffix: SidecarFile['suffix']): SidecarFile | undefined {
  return sidecars.find((sidecar) => sidecar.suffix === suffix && sidecar.sizeBytes > 0)
}

function checkPermissions({ isWritable, isFolderWritable, folder, sidecars, path }: FileFacts): DoctorCheck {
  const name = 'permissions'
  const locked = sidecars.filter((sidecar) => !sidecar.isWritable).map(({ suffix }) => `${path}${suffix}`)
  const missing = [...(isWritable ? [] : [path]), ...(isFolderWritable ? [] : [folder]), ...locked]
  if (missing.length === 0) {
    return { name, severity: 'ok', message: 'This user may write to the file and its folder' }
  }
  return {
    name,
    severity: 'warning',
    message: `This user may not write to ${missing.join(', ')}`,
    advice:
      'Programs of this user cannot open the database for writing, and reading a WAL can fail as well: SQLite needs to ' +
      'write to the file, its -wal and -shm, and its folder. Give them to the user that the program runs as (often a ' +
      'program was once started as root)',
    details: { notWritable: missing },
  }
}

function checkNames({ nameCount, path }: FileFacts): DoctorCheck {
  const name = 'file-names'
  if (nameCount <= 1) return { name, severity: 'ok', message: 'The file has one name' }
  return {
    name,
    severity: 'danger',
    message: `The file has ${nameCount} names (hard links): programs that open it by different names use different -wal files and corrupt it`,
    advice: `Find the others with: find / -xdev -samefile ${path}. Keep one (https://www.sqlite.org/howtocorrupt.html 2.5)`,
    details: { nameCount },
  }
}
