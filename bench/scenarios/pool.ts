/**
 * One run of I2: a pool with a budget, and a stranger that holds the lock for longer than a hidden timeout would wait, or
 * for longer than the budget.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunOutcome } from './figures.ts'
import { startForeignWriter } from './foreign-writer.ts'
import type { Arrivals } from './load.ts'
import type { PoolWayName } from './pool-way.ts'
import { expectLine, startProgram } from './program.ts'
import { createSharedFile, readSharedFile } from './shared-file.ts'

/** What became of a write, as its caller saw it. */
export interface PoolWrite {
  readonly id: string
  readonly outcome: 'stored' | 'timed out' | 'failed'
  readonly waitedMs: number
}

/** What the process tells. */
export interface PoolFigures {
  readonly writes: readonly PoolWrite[]
  readonly loopGapMs: number
  readonly busyTimeoutsMs: readonly number[]
  readonly lockCycles: number
}

/** How long everything takes. */
export interface PoolPhase {
  readonly name: string
  /** What is configured. */
  readonly budgetMs: number
  readonly holdMs: number
  readonly arrivals: Arrivals
}

/** What a run showed. */
export interface PoolOutcome {
  readonly outcome: RunOutcome
  readonly busyTimeoutsMs: readonly number[]
  /** Timeouts at the budget: how far from it each came, in milliseconds. */
  readonly expectedTimeoutsMs: readonly number[]
  /** Writes that gave up before the budget was over. */
  readonly early: number
  /** Writes that were stored, or gave up, when the budget had long been over. */
  readonly late: number
  /** Writes that were said to have timed out, and are in the database. */
  readonly storedAfterTimeout: number
}

/** By how much a wait may end after its budget: a timer on a busy machine. */
export const toleranceMs = 300

/** Runs it. */
export async function runPool(way: PoolWayName, size: number, phase: PoolPhase): Promise<PoolOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-scenario-'))
  try {
    const path = join(folder, 'pool.db')
    createSharedFile(path, 0)
    await using pool = startProgram('pool-program', way, path, String(size), String(phase.budgetMs))
    await using foreign = await startForeignWriter(path, idle)
    await expectLine('the pool', pool)
    foreign.begin()
    await foreign.hold(phase.holdMs)
    pool.tell(phase.arrivals)
    const figures = await expectLine<PoolFigures>('the pool', pool)
    const code = await pool.ended
    await foreign.stop()
    return judge(phase, figures, readSharedFile(path).events, code === 0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A stranger that hardly writes, until it is asked to hold the lock. */
const idle = { holdMs: 0, gapMs: 50, batches: 1, pauseMs: 0 }

function judge(
  { budgetMs }: PoolPhase,
  { writes, loopGapMs, busyTimeoutsMs, lockCycles }: PoolFigures,
  stored: ReadonlySet<string>,
  endedByItself: boolean,
): PoolOutcome {
  const isLate = ({ waitedMs }: PoolWrite): boolean => waitedMs > budgetMs + toleranceMs
  // Timers of whole milliseconds may fire a little before their time by another clock.
  const isEarly = ({ waitedMs }: PoolWrite): boolean => waitedMs < budgetMs - 2
  const timedOut = writes.filter(({ outcome }) => outcome === 'timed out')
  const expected = new Set(timedOut.filter((write) => !isEarly(write) && !isLate(write)))
  const counted = writes.filter((write) => !expected.has(write))
  const acknowledged = counted.filter(({ outcome }) => outcome === 'stored')
  const lost = acknowledged.filter(({ id }) => !stored.has(id)).length
  return {
    outcome: {
      attempted: counted.length,
      committed: acknowledged.length - lost,
      lost,
      failed: counted.length - acknowledged.length,
      latenciesMs: counted.map(({ waitedMs }) => waitedMs),
      roundGapsMs: [loopGapMs],
      lockCycles,
      endedByItself,
    },
    busyTimeoutsMs,
    expectedTimeoutsMs: [...expected].map(({ waitedMs }) => waitedMs - budgetMs),
    early: timedOut.filter(isEarly).length,
    late: writes.filter(isLate).length,
    storedAfterTimeout: timedOut.filter(({ id }) => stored.has(id)).length,
  }
}
