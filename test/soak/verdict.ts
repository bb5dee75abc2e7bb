/**
 * Whether a soak went well, from what its processes told.
 *
 * @module
 */
import type { ConnectorName } from '../contract/matrix.ts'
import { type End, mustHappen, type Sample } from './report.ts'

const mebibyte = 1024 * 1024

/**
 * How big the WAL may get. Where a worker checkpoints: the 8 MB of one process that no reader holds up, and half as much
 * again, as two write here beside streams and read-only transactions (5.4 MiB were measured in half a minute). Where only
 * SQLite's commits do: what is kept of it (`journal_size_limit`, 16 MiB), and as much again for the time in which there is
 * always some reader that keeps it from starting over (28 MiB were measured).
 */
export function walLimitBytesOf(connector: ConnectorName): number {
  return connector === 'libsql' ? 32 * mebibyte : 12_000_000
}

/** By how much the memory may grow from the second quarter of the run to its last one. */
export const rssGrowthLimit = 0.1

/** Below this, a runtime's own comings and goings are more than ten percent: compiled code, an arena of its allocator. */
const rssNoiseBytes = 10 * mebibyte
const heapNoiseBytes = 3 * mebibyte

/** What one process told, from its first line to its last. */
export interface ProcessReport {
  readonly samples: readonly Sample[]
  readonly end: End
  readonly exitCode: number | string
}

/** What one connector's file and processes came to. */
export interface SoakReport {
  readonly connector: ConnectorName
  readonly runtime: string
  readonly processes: readonly ProcessReport[]
  readonly integrity: string
  /** Whether a `-wal` file was left when everybody had closed. */
  readonly isWalLeft: boolean
}

/** One thing that was asserted. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  /** The figures behind it. */
  readonly measured: string
}

/**
 * Everything that is asserted of one connector.
 *
 * @param growthLimit A run of seconds warms up from its beginning to its end, and may grow by more.
 */
export function checksOf(report: SoakReport, growthLimit: number = rssGrowthLimit): readonly Check[] {
  const { processes } = report
  return [
    check('nothing lost, twice or refused', ...wrongOf(processes)),
    check('memory flat', ...processes.map(({ samples }) => memoryOf(samples, growthLimit))),
    check('file descriptors flat', ...processes.map(descriptorsOf)),
    check('no timer or handle left', ...processes.map(resourcesOf)),
    check('no listener left', ...processes.map(listenersOf)),
    check('WAL bounded', walOf(report)),
    check(
      'ends by itself',
      ...processes.map(({ exitCode }) => ({ ok: exitCode === 0, text: `${exitCode}` })),
    ),
    check('integrity_check', { ok: report.integrity === 'ok', text: report.integrity }),
    check('no -wal left', {
      // LIBSQL.md: its readers may close last, and leave theirs behind.
      ok: !report.isWalLeft || report.connector === 'libsql',
      text: report.isWalLeft ? 'left' : 'gone',
    }),
  ]
}

interface Finding {
  readonly ok: boolean
  readonly text: string
}

function check(name: string, ...findings: readonly Finding[]): Check {
  return { name, ok: findings.every(({ ok }) => ok), measured: findings.map(({ text }) => text).join(', ') }
}

function wrongOf(processes: readonly ProcessReport[]): Finding[] {
  return processes.map(({ end: { verified, wrong, counts } }) => {
    const missing = mustHappen.filter((name) => counts[name] === undefined)
    const complaints = [...wrong, ...missing.map((name) => `never: ${name}`)]
    return { ok: complaints.length === 0, text: [`${verified} rows`, ...complaints].join('; ') }
  })
}

/** The second quarter against the last: what warms up has done so by then. */
function memoryOf(samples: readonly Sample[], growthLimit: number): Finding {
  const of = (index: number, key: 'rssBytes' | 'heapBytes'): number =>
    medianOf(quarter(samples, index).map((it) => it[key]))
  const [early, late] = [of(1, 'rssBytes'), of(3, 'rssBytes')]
  const [earlyHeap, lateHeap] = [of(1, 'heapBytes'), of(3, 'heapBytes')]
  const isFlat = late - early <= Math.max(early * growthLimit, rssNoiseBytes)
  const isHeapFlat = lateHeap - earlyHeap <= Math.max(earlyHeap * growthLimit, heapNoiseBytes)
  const heap = `heap ${mebibytes(earlyHeap)} to ${mebibytes(lateHeap)}`
  return { ok: isFlat && isHeapFlat, text: `${mebibytes(early)} to ${mebibytes(late)} MiB (${heap})` }
}

function descriptorsOf({ samples, end }: ProcessReport): Finding {
  const of = (part: readonly Sample[]): number => medianOf(part.map((it) => it.fileDescriptors ?? 0))
  const [early, late] = [of(quarter(samples, 1)), of(quarter(samples, 3))]
  const { before, after } = end
  const left = (after.fileDescriptors ?? 0) - (before.fileDescriptors ?? 0)
  // Readers and second storages come and go, so the medians of the load may differ by a few. Of what is left, Bun opens
  // one of its own some time in several minutes; a storage that leaks one leaks hundreds by then.
  const ok = late - early <= 6 && left <= 1
  return { ok, text: `${early} to ${late}, closed ${before.fileDescriptors} to ${after.fileDescriptors}` }
}

function resourcesOf({ end: { before, after } }: ProcessReport): Finding {
  if (after.resources === undefined) return { ok: true, text: 'the runtime does not tell' }
  const left = [...after.resources]
  for (const resource of before.resources ?? []) {
    const index = left.indexOf(resource)
    if (index >= 0) left.splice(index, 1)
  }
  return { ok: left.length === 0, text: left.join(' ') || 'none' }
}

function listenersOf({ end: { before, after } }: ProcessReport): Finding {
  if (after.listeners === undefined) return { ok: true, text: 'the runtime does not tell' }
  return { ok: after.listeners <= (before.listeners ?? 0), text: `${before.listeners} to ${after.listeners}` }
}

function walOf({ connector, processes }: SoakReport): Finding {
  const largest = Math.max(...processes.flatMap(({ samples }) => samples.map(({ walBytes }) => walBytes)))
  return { ok: largest <= walLimitBytesOf(connector), text: `at most ${mebibytes(largest)} MiB` }
}

function quarter(samples: readonly Sample[], index: number): readonly Sample[] {
  const at = (part: number): number => Math.floor((samples.length * part) / 4)
  return samples.slice(at(index), at(index + 1))
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** One decimal. */
export function mebibytes(bytes: number): string {
  return (bytes / mebibyte).toFixed(1)
}
