import type { LockTimeoutError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect, it } from 'vitest'
import type { Clock } from '../../src/time/clock.ts'
import { openPool } from './pool.ts'

it('a crowd whose budgets end one by one is not looked at once for each of them', async () => {
  const time = testClock()
  let alarms = 0
  const clock: Clock = {
    ...time,
    schedule: (delayMs, callback) =>
      time.schedule(delayMs, () => {
        alarms++
        callback()
      }),
  }
  const { pool } = await openPool({ clock, lockTimeoutMs: 30_000, drainTimeoutMs: 0 })
  const lease = await pool.queue.own(pool.startWait(), async () => {})
  const latenessMs: number[] = []
  const note = (error: LockTimeoutError): void => {
    latenessMs.push(error.waitedMs - 30_000)
  }
  for (let entered = 0; entered < 10_000; entered += 10) {
    for (let each = 0; each < 10; each++) pool.queue.write(pool.startWait(), []).catch(note)
    await time.advance(1)
  }

  await time.advance(31_000)
  lease.release()

  expect(latenessMs).toHaveLength(10_000)
  expect(Math.min(...latenessMs)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...latenessMs)).toBeLessThanOrEqual(10)
  // A thousand deadlines, of which each look takes as many as its distance allows.
  expect(alarms).toBeLessThan(600)
})
