/**
 * Which file systems SQLite can trust. A WAL needs memory that all processes share and locks that all of them see; file
 * systems of a network have neither (https://www.sqlite.org/wal.html, https://www.sqlite.org/howtocorrupt.html 2.1).
 *
 * @module
 */
import type { DoctorCheck, DoctorSeverity } from './report.ts'

/** The part of a finding that a kind of file system decides. */
interface Kind {
  readonly severity: DoctorSeverity
  readonly what: string
  readonly advice?: string
}

const move = 'move the database to a local disk, and let other machines reach it through a server'
const kinds = {
  network: {
    severity: 'danger',
    what: 'a network file system: its locks are not reliable and a WAL cannot be shared over it, so the file can be corrupted and acknowledged writes lost',
    advice: move,
  },
  cluster: {
    severity: 'danger',
    what: 'a cluster file system: as soon as two machines open the file, they do not share the memory that a WAL needs',
    advice: `let one machine only open it, or ${move}`,
  },
  host: {
    severity: 'danger',
    what: 'a folder that is passed in from a host system (as /mnt/c is in WSL, or a shared folder of a virtual machine): programs on both sides do not see the locks of each other',
    advice: 'move the database to a disk of this system itself, such as the home folder or a volume',
  },
  fuse: {
    severity: 'warning',
    what: 'a FUSE file system: what it is made of cannot be told; locks hold on some, and on others (sshfs, s3fs, gcsfuse, most cloud drives) they do not',
    advice: `see what is mounted there with findmnt; if a network is behind it, ${move}`,
  },
  overlay: {
    severity: 'info',
    what: 'the overlay of a container: the database is gone when the container is removed',
    advice: 'put the database on a volume if it has to stay',
  },
  memory: {
    severity: 'info',
    what: 'a file system in memory: the database is gone when the machine restarts',
    advice: 'move the database to a disk if it has to stay',
  },
  local: { severity: 'ok', what: 'a local file system' },
} as const satisfies Record<string, Kind>

/** `f_type` of Linux (statfs(2), include/uapi/linux/magic.h and the headers of the file systems). */
const types: Readonly<Record<number, readonly [name: string, kind: keyof typeof kinds]>> = {
  26985: ['NFS', 'network'],
  4283649346: ['SMB (cifs)', 'network'],
  4266872130: ['SMB2', 'network'],
  20859: ['SMB', 'network'],
  22092: ['NCP', 'network'],
  1397113167: ['AFS', 'network'],
  1799439955: ['AFS (kafs)', 'network'],
  1937076805: ['Coda', 'network'],
  12805120: ['Ceph', 'cluster'],
  198183888: ['Lustre', 'cluster'],
  1196443219: ['GPFS', 'cluster'],
  18225520: ['GFS2', 'cluster'],
  1952539503: ['OCFS2', 'cluster'],
  428016422: ['BeeGFS', 'cluster'],
  2866260714: ['PanFS', 'cluster'],
  537068840: ['OrangeFS', 'cluster'],
  16914839: ['9p', 'host'],
  1397114950: ['WSL 1 (wslfs)', 'host'],
  2020557398: ['VirtualBox (vboxsf)', 'host'],
  3133910204: ['VMware (vmhgfs)', 'host'],
  1702057286: ['FUSE', 'fuse'],
  2035054128: ['overlayfs', 'overlay'],
  16914836: ['tmpfs', 'memory'],
  2240043254: ['ramfs', 'memory'],
  61267: ['ext4', 'local'],
  1481003842: ['XFS', 'local'],
  2435016766: ['Btrfs', 'local'],
  801189825: ['ZFS', 'local'],
  4076150800: ['F2FS', 'local'],
  3393526350: ['bcachefs', 'local'],
}

/**
 * Judges the file system of a database.
 *
 * @param type `f_type` of statfs on Linux; `undefined` where it is not known.
 */
export function checkFileSystem(type: number | undefined): DoctorCheck {
  const name = 'file-system'
  if (type === undefined) {
    return {
      name,
      severity: 'info',
      message: 'Cannot tell which file system the database is on: this system does not say',
      advice: `If it is one of a network (NFS, SMB, a cloud drive), ${move}`,
    }
  }
  // Some runtimes answer a signed number.
  const unsigned = type >>> 0
  const hex = `0x${unsigned.toString(16)}`
  const [label, kindName] = types[unsigned] ?? [hex, undefined]
  const details = { type: hex, name: label }
  if (kindName === undefined) {
    const message = `The database is on a file system of type ${hex}, which is none of the network file systems known here`
    return { name, severity: 'ok', message, details }
  }
  const { severity, what, advice }: Kind = kinds[kindName]
  const message = `The database is on ${label}, ${what}`
  return { name, severity, message, ...(advice !== undefined && { advice: capitalized(advice) }), details }
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
