/**
 * Which processes have a database open, on Linux: from the links in /proc/<pid>/fd and the tables of locks. The
 * database itself is looked at with `stat` only.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { FileActivity, FileHolder, FileHolders } from '../src/connector/file-facts.ts'
import { type FileIdentity, type FileLock, locksOf, locksOfDescriptor, locksOfSystem } from './_file-locks.ts'

interface Finding {
  hasFile: boolean
  hasDeletedFile: boolean
  readonly locks: string[]
}

/** Processes looked at between two turns of the event loop. */
const processesPerTurn = 20

/**
 * Finds who has the file open.
 *
 * @param path The real path of the database.
 * @returns `undefined` where the system does not tell.
 */
export async function holdersOf(path: string): Promise<FileHolders | undefined> {
  const file = identityOf(path)
  if (file === undefined || process.platform !== 'linux') return undefined
  const pids = listOf('/proc')?.filter((name) => /^\d+$/.test(name))
  if (pids === undefined) return undefined
  const found = new Map<number, Finding>()
  let hiddenProcesses = 0
  for (const [index, pid] of pids.entries()) {
    const finding = lookAt(pid, path, file)
    if (finding === 'hidden') hiddenProcesses++
    else if (finding !== undefined) found.set(Number(pid), finding)
    if (index % processesPerTurn === processesPerTurn - 1)
      await new Promise((resolve) => setImmediate(resolve))
  }
  const lines = [...[...found.values()].flatMap((finding) => finding.locks), ...locksOfSystem()]
  const locks = locksOf(lines, file, identityOf(`${path}-shm`), new Set(found.keys()))
  // Locks are shown of every process, also of those whose files are not.
  for (const { pid } of locks) {
    if (!found.has(pid)) found.set(pid, { hasFile: true, hasDeletedFile: false, locks: [] })
  }
  return {
    processes: [...found].map(
      ([pid, { hasDeletedFile }]): FileHolder => ({
        pid,
        command: commandOf(pid),
        isSelf: pid === process.pid,
        hasDeletedFile,
        activities: activitiesOf(locks.filter((lock) => lock.pid === pid)),
      }),
    ),
    hiddenProcesses,
  }
}

/** Device and inode of a file; bigint, as inodes exceed 2^53 on some systems. */
function identityOf(path: string): FileIdentity | undefined {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

function lookAt(pid: string, path: string, file: FileIdentity): Finding | 'hidden' | undefined {
  const folder = `/proc/${pid}/fd`
  const descriptors = listOf(folder)
  if (descriptors === undefined) return isThere(`/proc/${pid}`) ? 'hidden' : undefined
  const finding: Finding = { hasFile: false, hasDeletedFile: false, locks: [] }
  const lockedNames = [basename(path), `${basename(path)}-shm`]
  for (const descriptor of descriptors) {
    const link = `${folder}/${descriptor}`
    const target = targetOf(link)
    // Containers see the same file at other paths, so the inode decides; most descriptors need no second look.
    if (target === `${path} (deleted)` || target === `${path}-wal (deleted)`) finding.hasDeletedFile = true
    else if (basename(target) === basename(path) && isSame(identityOf(link), file)) finding.hasFile = true
    if (lockedNames.includes(basename(target))) finding.locks.push(...locksOfDescriptor(pid, descriptor))
  }
  return finding.hasFile || finding.hasDeletedFile ? finding : undefined
}

function isSame(a: FileIdentity | undefined, b: FileIdentity): boolean {
  return a !== undefined && a.ino === b.ino && a.dev === b.dev
}

function activitiesOf(locks: readonly FileLock[]): readonly FileActivity[] {
  return [...new Set(locks.flatMap(({ activity }) => activity ?? []))]
}

function listOf(folder: string): string[] | undefined {
  try {
    return readdirSync(folder)
  } catch {
    return undefined
  }
}

function isThere(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch {
    return false
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}

/** The name of the program. Not /proc/<pid>/comm, which on Node is the name of its thread; and no arguments: secrets. */
function commandOf(pid: number): string {
  try {
    return basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '')
  } catch {
    return ''
  }
}
