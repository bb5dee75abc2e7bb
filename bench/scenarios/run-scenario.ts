/**
 * Both sides of a scenario, size by size.
 *
 * @module
 */
import { type RunOutcome, type SideFigures, summarize } from './figures.ts'
import { runSide } from './run-side.ts'
import type { Limits, Plan, Scenario, Side } from './scenario.ts'

/** What a scenario showed. */
export interface ScenarioResult {
  readonly scenario: string
  readonly old: SideFigures
  readonly new: SideFigures
  readonly sizes: readonly number[]
  /** Size by size. */
  readonly runs: readonly { readonly size: number; readonly side: Side; readonly outcome: RunOutcome }[]
  /** What our side promises and did not keep. */
  readonly shortfalls: readonly string[]
}

/**
 * Runs the sides in turn: at the same time they would fight for the same cores.
 *
 * @param onRun Called before each run.
 * @throws {Error} If a program of the scenario could not be run.
 */
export async function runScenario(
  scenario: Scenario,
  plan: Plan = scenario.plan,
  onRun: (side: Side, size: number) => void = () => {},
): Promise<ScenarioResult> {
  const runs: { size: number; side: Side; outcome: RunOutcome }[] = []
  for (const size of plan.sizes) {
    for (const side of ['old', 'new'] as const) {
      onRun(side, size)
      runs.push({ size, side, outcome: await runSide(scenario, side, size, plan) })
    }
  }
  const figuresOf = (wanted: Side): SideFigures =>
    summarize(runs.filter(({ side }) => side === wanted).map(({ outcome }) => outcome))
  const ours = figuresOf('new')
  return {
    scenario: scenario.name,
    old: figuresOf('old'),
    new: ours,
    sizes: plan.sizes,
    runs,
    shortfalls: [...shortfallsOf(ours, scenario.limits), ...unendedOf(runs)],
  }
}

function unendedOf(runs: ScenarioResult['runs']): string[] {
  return runs.flatMap(({ side, size, outcome }) =>
    side === 'new' && !outcome.endedByItself ? `the server did not end by itself at size ${size}` : [],
  )
}

function shortfallsOf({ lost, failed, p99Ms, loopGapMs }: SideFigures, limits: Limits): string[] {
  const shortfalls: string[] = []
  if (lost > 0) shortfalls.push(`${lost} were acknowledged and are not in the database`)
  if (failed > 0) shortfalls.push(`${failed} failed`)
  if (!(p99Ms < limits.p99Ms))
    shortfalls.push(`requests took ${p99Ms} ms at p99, and must take less than ${limits.p99Ms} ms`)
  if (!(loopGapMs < limits.loopGapMs))
    shortfalls.push(`the event loop stood still for ${loopGapMs} ms, and the limit is ${limits.loopGapMs} ms`)
  return shortfalls
}
