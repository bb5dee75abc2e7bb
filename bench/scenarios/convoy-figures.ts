/**
 * What the runs of I5 say about each way, and what is asked of ours.
 *
 * @module
 */
import type { ConvoyRun } from './convoy-runs.ts'
import { percentile, type RunOutcome, tenths } from './figures.ts'

/** What is asked of a phase: its lock waits; of the saturated one everything. Times are in milliseconds. */
export interface ConvoyPhaseFigures {
  readonly [name: string]: number
  readonly lockWaitP99Ms: number
  readonly lockWaitP999Ms: number
  /** The median of the rounds' worst. */
  readonly worstWaitMs: number
  readonly longestHoldMs: number
  readonly commitsPerSecond: number
  /** Commits of the slowest process by those of the fastest. Where one of them holds for long it says nothing. */
  readonly fairness: number
  readonly cpuUsPerCommit: number
}

/** One way. */
export interface ConvoySummary {
  readonly outcomes: readonly { readonly phase: string; readonly outcome: RunOutcome }[]
  readonly raw: Readonly<Record<string, ConvoyPhaseFigures>>
}

/** Phase by phase. */
export function convoyFigures(runs: readonly ConvoyRun[]): ConvoySummary {
  const phases = [...Map.groupBy(runs, ({ phase }) => phase)]
  return {
    outcomes: phases.map(([phase, each]) => ({ phase, outcome: outcomeOf(each) })),
    raw: Object.fromEntries(phases.map(([phase, each]) => [phase, rawOf(each)])),
  }
}

function outcomeOf(runs: readonly ConvoyRun[]): RunOutcome {
  const all = runs.flatMap(({ figures }) => figures)
  const failed = sum(all, (it) => it.failed)
  const attempted = sum(all, ({ waitsMs }) => waitsMs.length)
  return {
    attempted,
    committed: sum(runs, ({ stored }) => stored),
    lost: sum(runs, ({ figures, stored }) => Math.max(0, commitsOf(figures) - stored)),
    failed,
    latenciesMs: all.flatMap(({ waitsMs }) => waitsMs),
    roundGapsMs: runs.map(({ figures }) => Math.max(...figures.map(({ loopGapMs }) => loopGapMs))),
    lockCycles: sum(all, ({ lockCycles }) => lockCycles),
    endedByItself: true,
  }
}

function rawOf(runs: readonly ConvoyRun[]): ConvoyPhaseFigures {
  const all = runs.flatMap(({ figures }) => figures)
  const waitsMs = all.flatMap((it) => it.waitsMs)
  const rate = ({ figures }: ConvoyRun): number =>
    commitsOf(figures) / (Math.max(...figures.map(({ tookMs }) => tookMs)) / 1_000)
  const fairness = ({ figures }: ConvoyRun): number => {
    const commits = figures.map((it) => commitsOf([it]))
    return Math.min(...commits) / Math.max(...commits)
  }
  return {
    lockWaitP99Ms: tenths(percentile(waitsMs, 0.99)),
    lockWaitP999Ms: tenths(percentile(waitsMs, 0.999)),
    worstWaitMs: tenths(median(runs.map((run) => worst(run.figures.flatMap((it) => it.waitsMs))))),
    longestHoldMs: tenths(Math.max(...all.map((it) => it.longestHoldMs))),
    commitsPerSecond: Math.round(median(runs.map(rate))),
    fairness: Math.round(median(runs.map(fairness)) * 100) / 100,
    cpuUsPerCommit: tenths((1_000 * sum(all, ({ cpuMs }) => cpuMs)) / commitsOf(all)),
  }
}

/** What our way promises beside losing and failing nothing, and did not keep. */
export function convoyShortfalls(
  busyHandler: ConvoySummary,
  retries: ConvoySummary,
  ours: ConvoySummary,
): string[] {
  const shortfalls: string[] = []
  const expect = (isKept: boolean, what: string): void => {
    if (!isKept) shortfalls.push(what)
  }
  for (const [phase, { lockWaitP999Ms, longestHoldMs }] of Object.entries(ours.raw)) {
    const what = `${phase}: the lock wait was ${lockWaitP999Ms} ms at p99.9, and the longest hold ${longestHoldMs} ms`
    expect(lockWaitP999Ms <= longestHoldMs + 15, what)
  }
  const [old, tries, mine] = [busyHandler, retries, ours].map(({ raw }) => raw.saturated)
  if (old === undefined || tries === undefined || mine === undefined) return shortfalls
  const oldWorstMs = Math.min(old.worstWaitMs, tries.worstWaitMs)
  expect(
    oldWorstMs >= 6 * mine.worstWaitMs,
    `the worst wait was ${mine.worstWaitMs} ms, of the old ways ${oldWorstMs} ms`,
  )
  expect(
    mine.commitsPerSecond >= 0.9 * old.commitsPerSecond,
    `${mine.commitsPerSecond} commits/s, and the busy handler ${old.commitsPerSecond}`,
  )
  expect(mine.fairness >= 0.7, `the slowest process had ${mine.fairness} of the commits of the fastest`)
  expect(
    mine.cpuUsPerCommit <= 1.5 * old.cpuUsPerCommit,
    `a commit cost ${mine.cpuUsPerCommit} µs of CPU, and with the busy handler ${old.cpuUsPerCommit} µs`,
  )
  return shortfalls
}

function commitsOf(figures: ConvoyRun['figures']): number {
  return sum(figures, ({ waitsMs, failed }) => waitsMs.length - failed)
}

function worst(values: readonly number[]): number {
  return percentile(values, 1)
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
