/**
 * `npm run soak`: a mixed load on every connector and runtime, all at once, each on a file of its own, for ten minutes
 * after up to two of warming up; then a verdict. `-- --minutes N --connector NAME --json`; a connector may be given
 * several times.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { type ConnectorName, matrix, type RuntimeName } from '../contract/matrix.ts'
import type { Counts, Sample } from './report.ts'
import { runSoak } from './soak.ts'
import { checksOf, mebibytes, type SoakReport } from './verdict.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    connector: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
if (!(minutes > 0))
  throw new RangeError(`Cannot soak as --minutes must be > 0: current value is ${values.minutes}`)
const durationMs = minutes * 60_000
/** Lines of the table for each connector. */
const tableLines = 20

const targets = chooseTargets(values.connector)
if (!values.json) {
  console.log(`${targets.map(titleOf).join(', ')}: ${minutes} minutes`)
  console.log(row('', 'time', 'memory', 'files', 'WAL', 'done', 'aborted', 'timed out'))
}
const outcomes = await Promise.all(targets.map(soak))
for (const { title, report, error } of outcomes) judge(title, report, error)

interface Target {
  readonly runtime: RuntimeName
  readonly connector: ConnectorName
}

interface Outcome {
  readonly title: string
  readonly report?: SoakReport
  readonly error?: unknown
}

async function soak(target: Target): Promise<Outcome> {
  const title = titleOf(target)
  const sampleEveryMs = Math.min(1_000, durationMs / 40)
  let shownAtMs = -Infinity
  const onSample = (sample: Sample, counts: Counts): void => {
    if (values.json || sample.atMs - shownAtMs < durationMs / tableLines) return
    shownAtMs = sample.atMs
    console.log(tableRow(title, sample, counts))
  }
  try {
    return {
      title,
      report: await runSoak(target, { durationMs, sampleEveryMs, holdEveryMs: 3_000, onSample }),
    }
  } catch (error) {
    return { title, error }
  }
}

function judge(title: string, report: SoakReport | undefined, error: unknown): void {
  const checks = report === undefined ? [] : checksOf(report)
  const isGood = report !== undefined && checks.every(({ ok }) => ok)
  if (!isGood) process.exitCode = 1
  if (values.json) {
    console.log(
      JSON.stringify({
        title,
        ok: isGood,
        minutes,
        checks,
        processes: report?.processes,
        error: error && `${error}`,
      }),
    )
    return
  }
  console.log(`\n${title}: ${isGood ? 'passed' : 'FAILED'}`)
  if (error !== undefined) console.log(`  ${error}`)
  for (const { name, ok, measured } of checks)
    console.log(`  ${ok ? 'ok    ' : 'FAILED'} ${name}: ${measured}`)
  for (const { end } of report?.processes ?? [])
    console.log(
      `  did ${Object.entries(end.counts)
        .map(([name, count]) => `${count} ${name}`)
        .join(', ')}`,
    )
}

function titleOf({ connector, runtime }: Target): string {
  return `${connector} on ${runtime}`
}

function tableRow(title: string, sample: Sample, counts: Counts): string {
  const done = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return row(
    title,
    `${Math.round(sample.atMs / 1_000)} s`,
    `${mebibytes(sample.rssBytes)} MiB`,
    String(sample.fileDescriptors ?? '-'),
    `${mebibytes(sample.walBytes)} MiB`,
    String(done),
    String(counts.aborted ?? 0),
    String(counts['timed out'] ?? 0),
  )
}

function row(title: string, ...cells: readonly string[]): string {
  return [title.padEnd(24), ...cells.map((cell) => cell.padStart(10))].join(' ')
}

function chooseTargets(connectors: readonly string[] | undefined): readonly Target[] {
  const all = Object.entries(matrix).flatMap(([runtime, names]) =>
    names.map((connector): Target => ({ runtime: runtime as RuntimeName, connector })),
  )
  for (const name of connectors ?? []) {
    if (all.some(({ connector }) => connector === name)) continue
    const names = [...new Set(all.map(({ connector }) => connector))].join(', ')
    throw new RangeError(`Cannot soak connector ${name}: it must be one of ${names}`)
  }
  return all.filter(({ connector }) => connectors?.includes(connector) ?? true)
}
