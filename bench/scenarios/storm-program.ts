/**
 * One of the processes of I3, on Bun: it serves one session, records what happens there, and at its end records a burst
 * and leaves.
 *
 * @module
 */
import process from 'node:process'
import { hear, say } from './lines.ts'
import { recordLoopGaps } from './loop-gaps.ts'
import type { StormFigures, StormOrder } from './storm.ts'
import type { StormWay } from './storm-way.ts'

const [side, path = '', session = '', owner = '', offsetMs = '0'] = process.argv.slice(2)
/** The incident had 30,000, 1,500 and bursts of this size. */
const heartbeatEveryMs = 300
const tickEveryMs = 60
const burstEvents = 20

const gaps = recordLoopGaps()
const latenciesMs: number[] = []
const acknowledged: string[] = []
let attempted = 0
let failed = 0
let events = 0
const timers: ReturnType<typeof setInterval>[] = []
const way: StormWay =
  side === 'new'
    ? await (await import('./new-storm.ts')).openNewStorm(path)
    : (await import('./old-storm.ts')).openOldStorm(path)

/** Runs one write, and counts what became of it. */
async function count<T>(write: () => T | Promise<T>): Promise<T | undefined> {
  attempted++
  const askedAtMs = performance.now()
  try {
    return await write()
  } catch (error) {
    console.error(error)
    failed++
    return undefined
  } finally {
    latenciesMs.push(performance.now() - askedAtMs)
  }
}

async function recordEvent(): Promise<void> {
  const event = `${owner}-${events++}`
  const isStored = await count(async () => {
    await way.record(event)
    return true
  })
  if (isStored) acknowledged.push(event)
}

function begin(): void {
  // What it took to load is nobody's wait.
  gaps.length = 0
  timers.push(setInterval(() => void count(() => way.heartbeat(session)), heartbeatEveryMs))
  setTimeout(() => timers.push(setInterval(() => void recordEvent(), tickEveryMs)), Number(offsetMs))
}

async function leave(): Promise<void> {
  for (const timer of timers) clearInterval(timer)
  await Promise.all(Array.from({ length: burstEvents }, recordEvent))
  const wasRegistered = await count(() => way.leave(session, owner))
  const lockCycles = way.lockCycles()
  await way.close()
  const loopGapMs = Math.max(0, ...gaps.map(({ gapMs }) => gapMs))
  const others = { latenciesMs, lockCycles, loopGapMs, wasRegistered: wasRegistered ?? null }
  say({ attempted, acknowledged, failed, ...others } satisfies StormFigures)
  process.exit(0)
}

hear<StormOrder>(async (order) => {
  if (order.what === 'register') {
    await count(() => way.register(session, owner))
    begin()
    say('registered')
  } else setTimeout(leave, order.inMs)
})
say('ready')
