/**
 * The process of I2: writes now and then while a stranger holds the lock, and tells how long each write waited.
 *
 * @module
 */
import process from 'node:process'
import { hear, say } from './lines.ts'
import { type Arrivals, openLoop } from './load.ts'
import { recordLoopGaps } from './loop-gaps.ts'
import { openNewPool } from './new-pool.ts'
import { openOldPool } from './old-pool.ts'
import type { PoolFigures, PoolWrite } from './pool.ts'
import type { PoolWayName } from './pool-way.ts'

const [name = 'new', path = '', size = '2', budgetMs = '0'] = process.argv.slice(2)
const wayName = name as PoolWayName
const way = await (wayName === 'new'
  ? openNewPool(path, Number(size), Number(budgetMs))
  : openOldPool(wayName, path, Number(size), Number(budgetMs)))
const gaps = recordLoopGaps()

hear<Arrivals>(async (arrivals) => {
  gaps.length = 0
  const writes = await openLoop(arrivals, (index) => write(`event-${index}`))
  const loopGapMs = Math.max(0, ...gaps.map(({ gapMs }) => gapMs))
  const busyTimeoutsMs = await way.busyTimeoutsMs()
  const lockCycles = way.lockCycles()
  await way.close()
  say({ writes, loopGapMs, busyTimeoutsMs, lockCycles } satisfies PoolFigures)
  process.exit(0)
})
say('ready')

async function write(id: string): Promise<PoolWrite> {
  const askedAtMs = performance.now()
  let outcome: PoolWrite['outcome'] = 'stored'
  try {
    await way.write(id)
  } catch (error) {
    console.error(error)
    outcome = way.isTimeout(error) ? 'timed out' : 'failed'
  }
  return { id, outcome, waitedMs: performance.now() - askedAtMs }
}
