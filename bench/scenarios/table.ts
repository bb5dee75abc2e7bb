/**
 * The result of a scenario as text.
 *
 * @module
 */
import { type SideFigures, summarize } from './figures.ts'
import type { Incident, RawFigures, ScenarioResult } from './result.ts'

const columns: readonly (readonly [title: string, cell: (figures: SideFigures) => string])[] = [
  ['attempted', ({ attempted }) => count(attempted)],
  ['committed', ({ committed }) => count(committed)],
  ['lost', ({ lost }) => count(lost)],
  ['failed', ({ failed }) => count(failed)],
  ['p50 ms', ({ p50Ms }) => count(p50Ms)],
  ['p99 ms', ({ p99Ms }) => count(p99Ms)],
  ['max ms', ({ maxMs }) => count(maxMs)],
  ['loop gap ms', ({ loopGapMs }) => count(loopGapMs)],
  ['lock cycles', ({ lockCycles }) => count(lockCycles)],
]

/** One line for programs: the two sides in all, each with what its scenario has of its own. */
export function renderJson({ scenario, old, new: ours, sizes, raw, others }: ScenarioResult): string {
  return JSON.stringify({
    scenario,
    old: { ...old, ...raw?.old },
    new: { ...ours, ...raw?.new },
    sizes,
    ...others,
  })
}

/** A line per size and side, and the two sides in all. */
export function renderTable(
  { unit, story }: Pick<Incident, 'unit' | 'story'>,
  result: ScenarioResult,
): string {
  const titles = [unit, 'side', ...columns.map(([title]) => title)]
  const line = (size: string, side: string, figures: SideFigures): string[] => [
    size,
    side,
    ...columns.map(([, cell]) => cell(figures)),
  ]
  const rows = [
    titles,
    ...result.runs.map(({ size, side, title, outcome }) =>
      line(count(size), title === undefined ? side : `${side}: ${title}`, summarize([outcome])),
    ),
    line('all', 'old', result.old),
    line('all', 'new', result.new),
  ]
  const tables = [rows, rawRows(result)].filter((table) => table.length > 1).map(aligned)
  return [result.scenario, ...story, '', ...tables, verdict(result), ''].join('\n')
}

/** A line per figure that the scenario has of its own, and the sides side by side. */
function rawRows({ raw, others }: ScenarioResult): string[][] {
  const old = cellsOf(raw?.old ?? {})
  const ours = cellsOf(raw?.new ?? {})
  const names = [...new Set([...old.keys(), ...ours.keys()])]
  return [
    ['figure', 'old', 'new'],
    ...names.map((name) => [name, old.get(name) ?? '', ours.get(name) ?? '']),
    ...[...cellsOf(others ?? {})].map(([name, cell]) => [name, cell, '']),
  ]
}

function cellsOf(figures: RawFigures, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(figures).flatMap(([name, value]) => {
      if (typeof value === 'object') return [...cellsOf(value, `${prefix}${name}.`)]
      return [[`${prefix}${name}`, typeof value === 'number' ? count(value) : value] as const]
    }),
  )
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
  return `${lines.join('\n')}\n`
}

/** The old way may not fail outright on a fast machine: what it does is told as it is. */
function verdict({ old, new: ours }: ScenarioResult): string {
  const harm = (side: SideFigures): string => `lost ${count(side.lost)} and failed ${count(side.failed)}`
  const times = (wanted: (figures: SideFigures) => number): string =>
    (wanted(old) / wanted(ours)).toLocaleString('en-US', { maximumSignificantDigits: 2 })
  return [
    `The old way ${harm(old)}, ours ${harm(ours)}. The old way took ${times(({ p99Ms }) => p99Ms)} times as long at p99,`,
    `froze its event loop ${times(({ loopGapMs }) => loopGapMs)} times as long, and took the lock ${times(({ lockCycles }) => lockCycles)} times as often.`,
  ].join('\n')
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 })
}
