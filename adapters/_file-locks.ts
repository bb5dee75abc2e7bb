/**
 * The locks that processes hold on a database, from the tables of the system, and what SQLite means by them. The one of
 * all locks, /proc/locks (proc_locks(5)), says lines twice or not at all while other processes lock and unlock; that of
 * a descriptor, /proc/<pid>/fdinfo (proc_pid_fdinfo(5)), is always whole, but not shown of every process.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { FileActivity } from '../src/connector/file-facts.ts'

/** A file, whatever its names: its device and inode. */
export interface FileIdentity {
  readonly dev: bigint
  readonly ino: bigint
}

/** A lock that one process holds. */
export interface FileLock {
  readonly pid: number
  /** Absent if it only says that the file is open. */
  readonly activity: FileActivity | undefined
}

/** The bytes that SQLite locks (https://www.sqlite.org/fileformat2.html 1.2, https://www.sqlite.org/walformat.html 2.3.1). */
const pendingByte = 0x40000000
const databaseBytes = { pending: pendingByte, reserved: pendingByte + 1, shared: pendingByte + 2 }
const shmBytes = { write: 120, checkpoint: 121, recover: 122, firstRead: 123, lastRead: 127 }

const line =
  /^(?:lock:\s+)?\d+: (?:POSIX|OFDLCK)\s+\S+\s+(READ|WRITE)\s+(-?\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s+(\d+)\s+(\d+|EOF)/

/** The table of the locks that were taken through a descriptor of a process. */
export function locksOfDescriptor(pid: string, descriptor: string): readonly string[] {
  return linesOf(`/proc/${pid}/fdinfo/${descriptor}`)
}

/** The table of the locks of all processes. */
export function locksOfSystem(): readonly string[] {
  return linesOf('/proc/locks')
}

/**
 * Finds who holds locks on the database and on its -shm.
 *
 * @param lines What {@link locksOfDescriptor} and {@link locksOfSystem} gave; a lock may be in both.
 * @param knownPids Processes that have the file open: some file systems (Btrfs) show another device than `stat` does, so
 *   for these the inode is enough.
 */
export function locksOf(
  lines: readonly string[],
  database: FileIdentity,
  shm: FileIdentity | undefined,
  knownPids: ReadonlySet<number>,
): readonly FileLock[] {
  const locks: FileLock[] = []
  for (const text of lines) {
    const match = line.exec(text)
    if (match === null) continue
    const [, mode, pidText, major = '', minor = '', inode = '', from, to] = match
    const pid = Number(pidText)
    const range = { from: Number(from), to: to === 'EOF' ? Infinity : Number(to) }
    const device = deviceNumber(Number.parseInt(major, 16), Number.parseInt(minor, 16))
    const isOn = (file: FileIdentity | undefined): boolean =>
      file?.ino === BigInt(inode) && (file.dev === device || knownPids.has(pid))
    // Locks of an open file description have no process.
    if (pid <= 0) continue
    if (isOn(database))
      locks.push({ pid, activity: databaseActivity(mode === 'WRITE', range, shm !== undefined) })
    else if (isOn(shm)) locks.push({ pid, activity: walActivity(mode === 'WRITE', range) })
  }
  return locks
}

interface Range {
  readonly from: number
  readonly to: number
}

function databaseActivity(isWrite: boolean, range: Range, isWal: boolean): FileActivity | undefined {
  // In WAL mode every connection keeps a shared lock on the file, busy or not.
  if (!isWrite) return isWal ? undefined : 'reading'
  return covers(range, databaseBytes.shared) || covers(range, databaseBytes.pending) ? 'exclusive' : 'writing'
}

function walActivity(isWrite: boolean, range: Range): FileActivity | undefined {
  if (!isWrite)
    return range.from <= shmBytes.lastRead && range.to >= shmBytes.firstRead ? 'reading' : undefined
  if (covers(range, shmBytes.recover)) return 'recovering'
  if (covers(range, shmBytes.checkpoint)) return 'checkpointing'
  return covers(range, shmBytes.write) ? 'writing' : undefined
}

function covers({ from, to }: Range, byte: number): boolean {
  return from <= byte && byte <= to
}

/** `makedev` of Linux, the opposite of what `stat` does with it. */
function deviceNumber(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) | ((a & ~0xfffn) << 32n)
}

function linesOf(table: string): readonly string[] {
  try {
    return readFileSync(table, 'utf8').split('\n')
  } catch {
    return []
  }
}
