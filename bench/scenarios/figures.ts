/**
 * The figures of one side of a scenario, and how they are made of its runs.
 *
 * @module
 */

/** What one run of one side at one size was seen to do. */
export interface RunOutcome {
  readonly attempted: number
  /** What the database holds afterwards. */
  readonly committed: number
  /** What was acknowledged and is not in the database. */
  readonly lost: number
  /** What was refused, or not answered in time. */
  readonly failed: number
  /** Of every request that counts, failed ones included. */
  readonly latenciesMs: readonly number[]
  /** How long the server's event loop stood still at worst, round by round. */
  readonly roundGapsMs: readonly number[]
  /** How often the server took the write lock. */
  readonly lockCycles: number
  /** Whether the server ended by itself after SIGTERM, without an error. */
  readonly endedByItself: boolean
}

/** One side of a scenario, over all its sizes. Times are in milliseconds. */
export interface SideFigures {
  readonly attempted: number
  readonly committed: number
  readonly lost: number
  readonly failed: number
  /** This and the next two: the worst size's. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** The median over rounds of the round's worst gap, whatever the size it was seen at. */
  readonly loopGapMs: number
  readonly lockCycles: number
}

/** Counts are summed; of latencies the worst size's counts. */
export function summarize(runs: readonly RunOutcome[]): SideFigures {
  const sum = (count: (run: RunOutcome) => number): number =>
    runs.reduce((total, run) => total + count(run), 0)
  const worst = (share: number): number =>
    tenths(Math.max(...runs.map(({ latenciesMs }) => percentile(latenciesMs, share))))
  const rounds = Math.max(...runs.map(({ roundGapsMs }) => roundGapsMs.length))
  const worstGaps = Array.from({ length: rounds }, (_, round) =>
    Math.max(...runs.map(({ roundGapsMs }) => roundGapsMs[round] ?? 0)),
  )
  return {
    attempted: sum(({ attempted }) => attempted),
    committed: sum(({ committed }) => committed),
    lost: sum(({ lost }) => lost),
    failed: sum(({ failed }) => failed),
    p50Ms: worst(0.5),
    p99Ms: worst(0.99),
    maxMs: worst(1),
    loopGapMs: tenths(percentile(worstGaps, 0.5)),
    lockCycles: sum(({ lockCycles }) => lockCycles),
  }
}

/**
 * The smallest value that this share of all values does not exceed (nearest rank).
 *
 * @param share From 0 to 1.
 * @returns NaN if there are no values.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** In tenths, as many as a table shows. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
