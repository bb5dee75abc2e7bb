/**
 * I2, the wait that was not the configured wait: a pool whose budget reached one connection, and a lock that is held for
 * longer than the timeout that nobody configured.
 *
 * @module
 */
import { tenths } from './figures.ts'
import { type PoolOutcome, type PoolPhase, runPool, toleranceMs } from './pool.ts'
import type { PoolWayName } from './pool-way.ts'
import {
  figuresOf,
  harmOf,
  type Incident,
  type RawFigures,
  type ScenarioResult,
  type ScenarioRun,
} from './result.ts'
import type { Side } from './scenario.ts'

/** How much of it. */
export interface I2Plan {
  readonly sizes: readonly number[]
  readonly phases: readonly PoolPhase[]
}

/** All of it. */
export const i2Plan: I2Plan = {
  sizes: [3, 8],
  phases: [
    { name: 'patient', budgetMs: 30_000, holdMs: 6_000, arrivals: { everyMs: 200, durationMs: 5_000 } },
    { name: 'impatient', budgetMs: 2_000, holdMs: 4_500, arrivals: { everyMs: 200, durationMs: 4_000 } },
  ],
}

const ways: readonly PoolWayName[] = ['better-sqlite3', 'node-sqlite', 'new']

/** The scenario. */
export const i2: Incident = {
  name: 'I2',
  story: [
    'A pool of connections writes five times a second. patient: its budget for a lock is 30,000 ms, and a stranger holds the',
    'lock for 6,000 ms. impatient: the budget is 2,000 ms, and the lock is held for 4,500 ms.',
    'old: a thread for each connection, on better-sqlite3, whose connections wait for 5,000 ms by themselves, and on',
    'node:sqlite, where they do not wait; PRAGMA busy_timeout was sent to the pool once, and so reached one connection.',
    'new: a storage with lockTimeoutMs, on better-sqlite3.',
    `A write that times out within ${toleranceMs} ms after its budget is expected to, and in none of the counts.`,
  ],
  unit: 'connections',
  run: (onRun) => runI2(i2Plan, onRun),
}

interface PoolRun {
  readonly side: Side
  readonly run: ScenarioRun
  readonly phase: PoolPhase
  readonly outcome: PoolOutcome
}

/** Runs it as planned. */
export async function runI2(
  { sizes, phases }: I2Plan,
  onRun?: Parameters<Incident['run']>[0],
): Promise<ScenarioResult> {
  const all: PoolRun[] = []
  for (const size of sizes) {
    for (const phase of phases) {
      for (const way of ways) {
        const side = way === 'new' ? 'new' : 'old'
        onRun?.(side, size)
        const outcome = await runPool(way, size, phase)
        const title = side === 'new' ? phase.name : `${phase.name}, ${way}`
        all.push({ side, phase, outcome, run: { size, side, title, outcome: outcome.outcome } })
      }
    }
  }
  const runs = all.map(({ run }) => run)
  const ours = all.filter(({ side }) => side === 'new')
  const figures = figuresOf(runs, 'new')
  return {
    scenario: 'I2',
    old: figuresOf(runs, 'old'),
    new: figures,
    sizes,
    runs,
    raw: { old: rawOf(all.filter(({ side }) => side === 'old')), new: rawOf(ours) },
    shortfalls: [...harmOf(figures), ...shortfallsOf(ours)],
  }
}

function rawOf(runs: readonly PoolRun[]): RawFigures {
  const sum = (of: (outcome: PoolOutcome) => number): number =>
    runs.reduce((total, { outcome }) => total + of(outcome), 0)
  const fromBudgetMs = runs.flatMap(({ outcome }) => outcome.expectedTimeoutsMs)
  return {
    expectedTimeouts: fromBudgetMs.length,
    timeoutAfterBudgetMaxMs: tenths(Math.max(0, ...fromBudgetMs)),
    gaveUpBeforeBudget: sum(({ early }) => early),
    endedAfterBudget: sum(({ late }) => late),
    storedAfterTimeout: sum(({ storedAfterTimeout }) => storedAfterTimeout),
    connections: sum(({ busyTimeoutsMs }) => busyTimeoutsMs.length),
    busyTimeoutsMs: [...new Set(runs.map(({ outcome }) => outcome.busyTimeoutsMs.join(' ')))].join(', '),
  }
}

function shortfallsOf(runs: readonly PoolRun[]): string[] {
  return runs.flatMap(({ run, phase, outcome }) => {
    const { early, late, storedAfterTimeout, busyTimeoutsMs, expectedTimeoutsMs } = outcome
    const where = `${phase.name}, ${run.size} connections`
    const shortfalls: string[] = []
    if (early > 0) shortfalls.push(`${where}: ${early} gave up before the budget was over`)
    if (late > 0) shortfalls.push(`${where}: ${late} ended long after the budget was over`)
    if (storedAfterTimeout > 0) shortfalls.push(`${where}: ${storedAfterTimeout} timed out and are stored`)
    if (busyTimeoutsMs.length !== run.size || busyTimeoutsMs.some((timeoutMs) => timeoutMs !== 0))
      shortfalls.push(
        `${where}: a connection waits by itself, its busy timeouts are ${busyTimeoutsMs.join(' ')}`,
      )
    const isProvoked = phase.holdMs > phase.budgetMs + toleranceMs
    if (isProvoked !== expectedTimeoutsMs.length > 0)
      shortfalls.push(`${where}: ${expectedTimeoutsMs.length} timed out`)
    return shortfalls
  })
}
