/**
 * What a suite answers for each case: the line of `--json`.
 *
 * @module
 */

export type SuiteName = 'flush' | 'insert' | 'lanes' | 'enqueue'

export const suiteNames: readonly SuiteName[] = ['flush', 'insert', 'lanes', 'enqueue']

/** One number of a bench. A case may add what it measured, in fields whose names say the unit. */
export interface BenchResult {
  readonly suite: SuiteName
  /** The full name, such as `flush/1000-vs-loop`. */
  readonly case: string
  readonly connector: string
  /** The other's time by ours, or the bound that is allowed by what was measured: more is better. */
  readonly ratio: number
  readonly rounds: number
  /** How far the rounds are apart: the middle half of their ratios, as a share of the median. */
  readonly spread: number
  readonly [figure: string]: number | string
}

/** What a suite gets. */
export interface SuiteContext {
  readonly connector: string
  /** A folder of its own on a real disk, removed afterwards. */
  readonly folder: string
  /** As small as it can be, to see that everything runs: the numbers mean nothing. */
  readonly isQuick: boolean
  report(result: Omit<BenchResult, 'suite' | 'connector'>): void
}

export type Suite = (context: SuiteContext) => Promise<void>
