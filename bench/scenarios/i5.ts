/**
 * I5, the convoy: eight processes write to one file as fast as they can, and once more with one of them that holds the
 * lock for long.
 *
 * @module
 */
import { type ConvoySummary, convoyFigures, convoyShortfalls } from './convoy-figures.ts'
import { type ConvoyPlan, type ConvoyRun, runConvoy } from './convoy-runs.ts'
import { figuresOf, harmOf, type Incident, type ScenarioResult, type ScenarioRun } from './result.ts'
import type { Side } from './scenario.ts'

/** All of it. */
export const i5Plan: ConvoyPlan = {
  processes: 8,
  rounds: 5,
  warmUpMs: 15_000,
  phases: [
    { name: 'saturated', durationMs: 3_000, slowHoldMs: 0, thinkMs: 0 },
    { name: 'mixed', durationMs: 2_500, slowHoldMs: 50, thinkMs: 2 },
  ],
}

/** The scenario. */
export const i5: Incident = {
  name: 'I5',
  story: [
    'Eight processes write to one file, one row a transaction: saturated, each as fast as it can; mixed, one of them holds',
    'the lock for 50 ms of every 100, and the others pause for 2 ms between writes. Five rounds of each, all ways in turn.',
    'Before that they write each way for 15 seconds that do not count: so long it takes until all code is compiled.',
    "old: better-sqlite3 with prepared statements, BEGIN IMMEDIATE and SQLite's busy handler (5,000 ms).",
    'oldRetries: the same with 1,000 ms, and then 15 tries, 20 to 150 ms apart.',
    'new: storage.prepare() on better-sqlite3 with the defaults, and storage.write() for the long hold.',
    'Latencies are lock waits. Worst waits, rates and fairness (slowest to fastest process) are medians of five rounds.',
  ],
  unit: 'processes',
  run: (onRun) => runI5(i5Plan, onRun),
}

/** Runs it as planned. */
export async function runI5(
  plan: ConvoyPlan,
  onRun?: Parameters<Incident['run']>[0],
): Promise<ScenarioResult> {
  const rounds = await runConvoy(plan, ({ way }) => onRun?.(way === 'new' ? 'new' : 'old', plan.processes))
  const figuresBy = (way: ConvoyRun['way']): ConvoySummary =>
    convoyFigures(rounds.filter((run) => run.way === way))
  const [busyHandler, retries, ours] = [figuresBy('busy handler'), figuresBy('retries'), figuresBy('new')]
  const runsOf = (side: Side, { outcomes }: ConvoySummary): ScenarioRun[] =>
    outcomes.map(({ phase, outcome }) => ({ size: plan.processes, side, title: phase, outcome }))
  const runs = [...runsOf('old', busyHandler), ...runsOf('new', ours)]
  const oldRetries = figuresOf(runsOf('old', retries), 'old')
  const figures = figuresOf(runs, 'new')
  return {
    scenario: 'I5',
    old: figuresOf(runs, 'old'),
    new: figures,
    sizes: [plan.processes],
    runs,
    raw: { old: busyHandler.raw, new: ours.raw },
    others: { oldRetries: { ...oldRetries, ...retries.raw } },
    shortfalls: [...harmOf(figures), ...convoyShortfalls(busyHandler, retries, ours)],
  }
}
