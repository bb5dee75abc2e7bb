/**
 * `npm run test:kill`: kills writing processes two hundred times, over all connectors and runtimes, and ends with the one
 * line that counts. `-- --kills N --seed S --connector NAME`; the seed decides what is killed and when, as far as a
 * machine with other work lets it.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { seededRandom } from 'unbusy/testing'
import { type ConnectorName, matrix, type RuntimeName } from '../contract/matrix.ts'
import { type ChainReport, type Kill, type Moment, moments, runChain } from './chain.ts'

/** What every kill must have been acknowledged on average, or the signals met processes that did nothing. */
const leastAcknowledged = 50
const killsPerFile = 6

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    connector: { type: 'string' },
  },
})
const wanted = readCount('--kills', values.kills)
const seed = readCount('--seed', values.seed)
const targets = chooseTargets(values.connector)
const kills: Kill[] = []
let untold = 0
let failed = 0

console.log(`${wanted} kills, seed ${seed}`)
for (let file = 0; kills.length + failed < wanted; file++) {
  const target = targets[file % targets.length] as (typeof targets)[number]
  const random = seededRandom(seed + file)
  const chain = drawChain(target.connector, Math.min(killsPerFile, wanted - kills.length - failed), random)
  const title = `${target.connector} on ${target.runtime}`
  try {
    const report = await runChain(target, chain, random)
    kills.push(...report.kills)
    untold += report.untold
    console.log(`${title}: ${describe(report)}`)
  } catch (error) {
    failed += chain.length
    console.log(`FAILED ${title}, ${chain.join(', ')}: ${error instanceof Error ? error.message : error}`)
  }
}

const acknowledged = kills.reduce((sum, kill) => sum + kill.acknowledged, 0)
const missed = kills.filter(({ hit }) => !hit).length
const idle = acknowledged < leastAcknowledged * kills.length
console.log(`\n${acknowledged} writes were acknowledged before the kills, ${untold} more were stored untold`)
if (missed > 0) console.log(`${missed} processes had closed before the signal came`)
if (idle) console.log(`FAILED: at least ${leastAcknowledged} writes a kill must have been acknowledged`)
console.log(`${kills.length} passed, ${failed + (idle ? 1 : 0)} failed`)
process.exitCode = failed > 0 || idle ? 1 : 0

interface Target {
  readonly runtime: RuntimeName
  readonly connector: ConnectorName
}

function chooseTargets(connector: string | undefined): readonly Target[] {
  const all = Object.entries(matrix).flatMap(([runtime, names]) =>
    names.map((name): Target => ({ runtime: runtime as RuntimeName, connector: name })),
  )
  const chosen = all.filter((target) => connector === undefined || target.connector === connector)
  if (chosen.length > 0) return chosen
  const names = [...new Set(all.map((target) => target.connector))].join(', ')
  throw new RangeError(`Cannot kill with connector ${connector}: it must be one of ${names}`)
}

/** Most kills hit a process at work; the rest is whatever chance says. */
function drawChain(connector: ConnectorName, length: number, random: () => number): readonly Moment[] {
  // On libSQL several processes are not recommended, as its SQLite may corrupt the file (DESIGN.md 5).
  const possible = moments.filter((moment) => connector !== 'libsql' || moment !== 'siblings')
  const draw = (): Moment => possible[Math.floor(random() * possible.length)] as Moment
  return Array.from({ length }, (_, index) => (index % 2 === 0 ? draw() : 'load'))
}

function describe({ kills, untold }: ChainReport): string {
  const each = kills.map(
    ({ moment, acknowledged, hit }) => `${moment} ${acknowledged}${hit ? '' : ' (late)'}`,
  )
  return `${each.join(', ')}; ${untold} untold`
}

function readCount(name: string, value: string): number {
  const count = Number(value)
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new RangeError(`Cannot run as ${name} must be a whole number: current value is ${value}`)
}
