/**
 * A soak of one connector: processes with a mixed load on one file, and a stranger who takes the lock now and then.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdLock } from 'unbusy/testing'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { type Program, type ProgramTarget, startProgram } from '../processes/program.ts'
import type { Counts, Line, Sample } from './report.ts'
import type { ProcessReport, SoakReport } from './verdict.ts'

/** How long and how closely. */
export interface SoakOptions {
  readonly durationMs: number
  readonly sampleEveryMs: number
  /** How often a stranger takes the lock, for {@linkcode holdMs}. */
  readonly holdEveryMs: number
  /** Told of each sample of the first process. */
  readonly onSample?: (sample: Sample, counts: Counts) => void
}

/** Longer than the budget of the writes that are to time out, and much shorter than that of all others. */
const holdMs = 150

/**
 * Runs it on a file of its own.
 *
 * @throws {Error} If a process ended early.
 */
export async function runSoak(
  target: Omit<ProgramTarget, 'path'>,
  { durationMs, sampleEveryMs, holdEveryMs, onSample }: SoakOptions,
): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-soak-'))
  const path = join(folder, 'soak.db')
  // On libSQL several processes are not recommended, as its SQLite may corrupt the file (DESIGN.md 5).
  const writers = target.connector === 'libsql' ? [1] : [1, 2]
  const args = [durationMs, sampleEveryMs].map(String)
  await using programs = new AsyncDisposableStack()
  programs.defer(() => rm(folder, { recursive: true, force: true }))
  const started = writers.map((writer) =>
    programs.use(startProgram('../soak/worker', { ...target, path }, String(writer), ...args)),
  )
  let isOver = false
  const holding = takeLockNowAndThen(path, holdEveryMs, () => isOver)
  try {
    const processes = await Promise.all(
      started.map((program, index) => follow(program, index === 0 ? onSample : undefined)),
    )
    isOver = true
    await holding
    const isWalLeft = existsSync(`${path}-wal`)
    const [row] = await peerQuery(path, ['pragma integrity_check'])
    return { ...target, processes, integrity: String(row?.integrity_check), isWalLeft }
  } finally {
    isOver = true
    await holding
  }
}

async function follow(program: Program, onSample: SoakOptions['onSample']): Promise<ProcessReport> {
  const samples: Sample[] = []
  while (true) {
    const line = await program.next<Line>()
    if (line[0] === 'end') return { samples, end: line[1], exitCode: await withinTenSeconds(program.ended) }
    samples.push(line[1])
    onSample?.(line[1], line[2])
  }
}

async function takeLockNowAndThen(path: string, everyMs: number, isOver: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isOver(); waitedMs += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (waitedMs < everyMs || !existsSync(path)) continue
    waitedMs = 0
    const lock = await holdLock(path, holdMs, { command: peerCommand() })
    await lock.released
  }
}

async function withinTenSeconds(ended: Program['ended']): Promise<number | string> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, 10_000, 'still running after 10 s')
  })
  const exitCode = await Promise.race([ended, late])
  clearTimeout(timer)
  return exitCode
}
