/**
 * Both sides of a scenario, size by size.
 *
 * @module
 */
import type { SideFigures } from './figures.ts'
import { figuresOf, harmOf, type Incident, type ScenarioResult, type ScenarioRun } from './result.ts'
import { runSide } from './run-side.ts'
import type { Limits, Plan, Scenario, Side } from './scenario.ts'

/** A scenario with servers, to be run by its name. */
export function incidentOf(scenario: Scenario): Incident {
  const { name, story, unit, plan } = scenario
  return { name, story, unit, run: (onRun) => runScenario(scenario, plan, onRun) }
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
  const runs: ScenarioRun[] = []
  for (const size of plan.sizes) {
    for (const side of ['old', 'new'] as const) {
      onRun(side, size)
      runs.push({ size, side, outcome: await runSide(scenario, side, size, plan) })
    }
  }
  const ours = figuresOf(runs, 'new')
  return {
    scenario: scenario.name,
    old: figuresOf(runs, 'old'),
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
  const shortfalls = harmOf({ lost, failed })
  if (!(p99Ms < limits.p99Ms))
    shortfalls.push(`requests took ${p99Ms} ms at p99, and must take less than ${limits.p99Ms} ms`)
  if (!(loopGapMs < limits.loopGapMs))
    shortfalls.push(`the event loop stood still for ${loopGapMs} ms, and the limit is ${limits.loopGapMs} ms`)
  return shortfalls
}
