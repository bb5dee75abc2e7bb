/**
 * What a scenario showed, whatever it ran.
 *
 * @module
 */
import { type RunOutcome, type SideFigures, summarize } from './figures.ts'
import type { Side } from './scenario.ts'

/** Figures of a scenario's own, by name; a unit is part of the name. */
export type RawFigures = { readonly [name: string]: number | string | RawFigures }

/** One run of one side at one size. */
export interface ScenarioRun {
  readonly size: number
  readonly side: Side
  /** What this run was, where the side has more than one. */
  readonly title?: string
  readonly outcome: RunOutcome
}

/** What a scenario showed. */
export interface ScenarioResult {
  readonly scenario: string
  readonly old: SideFigures
  readonly new: SideFigures
  readonly sizes: readonly number[]
  /** Size by size. */
  readonly runs: readonly ScenarioRun[]
  /** What its issue asks for beside the figures of every scenario: of both sides the same. */
  readonly raw?: Readonly<Record<Side, RawFigures>>
  /** Figures of neither side. */
  readonly others?: RawFigures
  /** What our side promises and did not keep. */
  readonly shortfalls: readonly string[]
}

/** An incident that can be run by its name. */
export interface Incident {
  readonly name: string
  /** What happens, in sentences for the reader of the table. */
  readonly story: readonly string[]
  /** What the sizes count. */
  readonly unit: string
  /** Runs both sides. @param onRun Called before each run. */
  run(onRun?: (side: Side, size: number) => void): Promise<ScenarioResult>
}

/** One side over all its runs. */
export function figuresOf(runs: readonly ScenarioRun[], wanted: Side): SideFigures {
  return summarize(runs.filter(({ side }) => side === wanted).map(({ outcome }) => outcome))
}

/** What no scenario forgives: that something is lost, or fails. */
export function harmOf({ lost, failed }: Pick<SideFigures, 'lost' | 'failed'>): string[] {
  const harm: string[] = []
  if (lost > 0) harm.push(`${lost} were acknowledged and are not in the database`)
  if (failed > 0) harm.push(`${failed} failed`)
  return harm
}
