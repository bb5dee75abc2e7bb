/**
 * One of the processes of I5: writes for a while in a closed loop, the way it is told to, and tells what it met.
 *
 * @module
 */
import process from 'node:process'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { ConvoyFigures, ConvoyTask } from './convoy.ts'
import type { ConvoyWay, ConvoyWayName } from './convoy-way.ts'
import { hear, say } from './lines.ts'
import { recordLoopGaps } from './loop-gaps.ts'
import { openNewConvoy } from './new-convoy.ts'
import { busyHandler, openOldConvoy, retries } from './old-convoy.ts'

const [path = '', writer = '0', warmUpPath = '', warmUpWrites = '0'] = process.argv.slice(2)
const gaps = recordLoopGaps()
const opens: Readonly<Record<ConvoyWayName, (path: string) => ConvoyWay | Promise<ConvoyWay>>> = {
  'busy handler': (path) => openOldConvoy(path, busyHandler),
  retries: (path) => openOldConvoy(path, retries),
  new: openNewConvoy,
}

for (const open of Object.values(opens)) await warmUp(open)
hear<ConvoyTask>(async (task) => say(await run(task)))
say('ready')

/** In a file of its own: the code of a server that has been running for a while is compiled, whichever way it goes. */
async function warmUp(open: (path: string) => ConvoyWay | Promise<ConvoyWay>): Promise<void> {
  const way = await open(warmUpPath)
  for (let count = 0; count < Number(warmUpWrites); count++) {
    await way.count(Number(writer))
    await nextTurn()
  }
  await way.close()
}

async function run({
  way: name,
  beginAtMs,
  durationMs,
  holdMs,
  thinkMs,
}: ConvoyTask): Promise<ConvoyFigures> {
  const way = await opens[name](path)
  await sleep(beginAtMs - Date.now())
  gaps.length = 0
  const cpu = process.cpuUsage()
  const beganAtMs = performance.now()
  const waitsMs: number[] = []
  let longestHoldMs = 0
  let failed = 0
  while (performance.now() - beganAtMs < durationMs) {
    const askedAtMs = performance.now()
    try {
      const commit = await (holdMs > 0 ? way.countSlowly(Number(writer), holdMs) : way.count(Number(writer)))
      waitsMs.push(Math.round(commit.waitMs * 1_000) / 1_000)
      longestHoldMs = Math.max(longestHoldMs, commit.holdMs)
    } catch (error) {
      console.error(error)
      failed++
      waitsMs.push(performance.now() - askedAtMs)
    }
    // Each write has a turn of its own, as one of a request has.
    await (thinkMs > 0 ? sleep(thinkMs) : nextTurn())
  }
  const tookMs = performance.now() - beganAtMs
  const { user, system } = process.cpuUsage(cpu)
  const loopGapMs = Math.max(0, ...gaps.map(({ gapMs }) => gapMs))
  const lockCycles = way.lockCycles()
  await way.close()
  return { waitsMs, longestHoldMs, failed, tookMs, cpuMs: (user + system) / 1_000, loopGapMs, lockCycles }
}
