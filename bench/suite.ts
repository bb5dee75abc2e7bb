/**
 * Runs one suite in this process and prints a line of JSON for each case: `suite connector [--quick]`. `bench.ts` starts
 * it on the runtime that the connector needs, so that no suite meets what another has left on the heap.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Suite, SuiteContext, SuiteName } from './result.ts'
import { enqueue } from './suites/enqueue.ts'
import { flush } from './suites/flush.ts'
import { insert } from './suites/insert.ts'
import { lanes } from './suites/lanes.ts'

const suites: Readonly<Record<SuiteName, Suite>> = { flush, insert, lanes, enqueue }

const [name, connector = 'better-sqlite3', mode] = process.argv.slice(2)
const suite = name as SuiteName
const folder = await mkdtemp(join(tmpdir(), 'unbusy-bench-'))
try {
  const report: SuiteContext['report'] = (result) => {
    const { case: caseName, ...figures } = result
    console.log(JSON.stringify({ suite, case: caseName, connector, ...rounded(figures) }))
  }
  await suites[suite]({ connector, folder, isQuick: mode === '--quick', report })
} finally {
  await rm(folder, { recursive: true })
}

/** Four digits tell more than a bench can know. */
function rounded(figures: object): object {
  return Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [
      key,
      typeof value === 'number' ? Number(value.toPrecision(4)) : value,
    ]),
  )
}
