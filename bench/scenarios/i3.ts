/**
 * I3, the exit storm: eight agent processes on Bun share one file, and all of them end at once, twenty times.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { percentile, type RunOutcome, tenths } from './figures.ts'
import { figuresOf, harmOf, type Incident, type RawFigures, type ScenarioResult } from './result.ts'
import type { Side } from './scenario.ts'
import { createSharedFile, readSharedFile, type SharedStored } from './shared-file.ts'
import { runStorm, type StormOutcome, type StormPlan } from './storm.ts'

/** All of it. */
export const i3Plan: StormPlan & { readonly storms: number } = {
  storms: 20,
  processes: 8,
  successors: 2,
  runMs: 350,
}

/** How long a process of ours may take to end, with strangers that hold the lock for most of the time. */
const exitLimitMs = 3_000

/** The scenario. */
export const i3: Incident = {
  name: 'I3',
  story: [
    'Eight processes on Bun share one file: a session each, with heartbeats and ticks of their own offset. Then all are told',
    'to end within 100 ms; each writes a burst of 20 events, leaves its session and closes. Twenty times. Two of the eight',
    'are successors of others. Meanwhile a stranger holds the lock for 20 ms of every 28, and Python writes to the file, too.',
    'old: bun:sqlite with WAL and synchronous=NORMAL, no busy timeout; what meets a lock is tried again at once, 200 times.',
    'new: the bun-sqlite connector with its defaults.',
    'Scaled: heartbeats every 300 ms and ticks every 60, where the incident had 30,000 and 1,500.',
  ],
  unit: 'processes',
  run: (onRun) => runI3(i3Plan, onRun),
}

/** Runs it as planned, storm by storm one side after the other. */
export async function runI3(
  plan: typeof i3Plan,
  onRun?: Parameters<Incident['run']>[0],
): Promise<ScenarioResult> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-scenario-'))
  try {
    const sides = (['old', 'new'] as const).map((side) => ({
      side,
      path: join(folder, `${side}.db`),
      storms: [] as StormOutcome[],
    }))
    for (const { path } of sides) createSharedFile(path, plan.processes)
    for (let storm = 0; storm < plan.storms; storm++) {
      for (const { side, path, storms } of sides) {
        onRun?.(side, plan.processes)
        storms.push(await runStorm(side, path, `storm-${storm}`, plan))
      }
    }
    return resultOf(
      plan.processes,
      sides.map((it) => ({ ...it, stored: readSharedFile(it.path) })),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface SideOutcome {
  readonly side: Side
  readonly storms: readonly StormOutcome[]
  readonly stored: SharedStored
}

function resultOf(processes: number, sides: readonly SideOutcome[]): ScenarioResult {
  const runs = sides.map((it) => ({ size: processes, side: it.side, outcome: outcomeOf(it) }))
  const [old = {}, ours = {}] = sides.map(rawOf)
  const figures = figuresOf(runs, 'new')
  return {
    scenario: 'I3',
    old: figuresOf(runs, 'old'),
    new: figures,
    sizes: [processes],
    runs,
    raw: { old, new: ours },
    shortfalls: [...harmOf(figures), ...shortfallsOf(ours)],
  }
}

function outcomeOf({ storms, stored }: SideOutcome): RunOutcome {
  const all = storms.flatMap(({ figures }) => figures)
  const sum = (of: (figures: (typeof all)[number]) => number): number =>
    all.reduce((total, figures) => total + of(figures), 0)
  const lost = sum(({ acknowledged }) => acknowledged.filter((event) => !stored.events.has(event)).length)
  // Heartbeats, registrations and leaves are overwritten or deleted later: of those the acknowledgement is all there is.
  const withoutTrace = sum(({ attempted, acknowledged, failed }) => attempted - failed - acknowledged.length)
  return {
    attempted: sum(({ attempted }) => attempted),
    committed: sum(({ acknowledged }) => acknowledged.length) - lost + withoutTrace,
    lost,
    failed: sum(({ failed }) => failed),
    latenciesMs: all.flatMap(({ latenciesMs }) => latenciesMs),
    roundGapsMs: storms.map(({ figures }) => Math.max(...figures.map(({ loopGapMs }) => loopGapMs))),
    lockCycles: sum(({ lockCycles }) => lockCycles),
    endedByItself: storms.every(({ killed }) => killed === 0),
  }
}

function rawOf({ storms, stored }: SideOutcome): RawFigures {
  const exitsMs = storms.flatMap((storm) => storm.exitsMs)
  const count = (of: (storm: StormOutcome) => number): number =>
    storms.reduce((total, storm) => total + of(storm), 0)
  return {
    storms: storms.length,
    exitP50Ms: tenths(percentile(exitsMs, 0.5)),
    exitMaxMs: tenths(percentile(exitsMs, 1)),
    exitsKilled: count(({ killed }) => killed),
    walsLeft: count(({ leftWal }) => Number(leftWal)),
    successorsDeleted: count(({ successorsDeleted }) => successorsDeleted),
    labelsOverwritten: stored.lostLabels,
    python: storms.every(({ python }) => python === undefined)
      ? 'skipped: no python3 with sqlite3'
      : {
          attempted: count(({ python }) => python?.attempted ?? 0),
          committed: count(({ python }) => python?.committed ?? 0),
          stored: [...stored.events].filter((event) => event.includes('-python-')).length,
          failed: count(({ python }) => python?.failed ?? 0),
        },
  }
}

function shortfallsOf({
  exitMaxMs,
  exitsKilled,
  walsLeft,
  successorsDeleted,
  labelsOverwritten,
  python,
}: RawFigures): string[] {
  const shortfalls: string[] = []
  if (Number(exitMaxMs) > exitLimitMs)
    shortfalls.push(`a process took ${exitMaxMs} ms to end, and the limit is ${exitLimitMs} ms`)
  if (exitsKilled !== 0) shortfalls.push(`${exitsKilled} processes did not end by themselves`)
  if (walsLeft !== 0) shortfalls.push(`${walsLeft} storms left a -wal behind`)
  if (successorsDeleted !== 0)
    shortfalls.push(`${successorsDeleted} successors were deleted by who they took over from`)
  if (labelsOverwritten !== 0)
    shortfalls.push(`${labelsOverwritten} sessions lost a column that no process of ours owns`)
  if (typeof python === 'object' && (python.stored !== python.committed || python.failed !== 0))
    shortfalls.push(
      `Python committed ${python.committed} rows, of which ${python.stored} are stored, and ${python.failed} failed`,
    )
  return shortfalls
}
