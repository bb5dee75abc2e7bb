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

const [path = '', writer = '0'] = process.argv.slice(2)
// Seldom, as it wakes up only the processes of a way that does not block: every 25 ms it took 3 % of our commits.
const gaps = recordLoopGaps(100)
// As in a server they stay open from the first run to the last.
const ways: Readonly<Record<ConvoyWayName, ConvoyWay>> = {
  'busy handler': openOldConvoy(path, busyHandler),
  retries: openOldConvoy(path, retries),
  new: await openNewConvoy(path),
}

hear<ConvoyTask>(async (task) => say(await run(task)))
say('ready')

async function run({
  way: name,
  beginAtMs,
  durationMs,
  holdMs,
  thinkMs,
}: ConvoyTask): Promise<ConvoyFigures> {
  const way = ways[name]
  await sleep(beginAtMs - Date.now())
  gaps.length = 0
  const cpu = process.cpuUsage()
  const cyclesBefore = way.lockCycles()
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
  const lockCycles = way.lockCycles() - cyclesBefore
  return { waitsMs, longestHoldMs, failed, tookMs, cpuMs: (user + system) / 1_000, loopGapMs, lockCycles }
}
