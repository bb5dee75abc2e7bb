/**
 * I2 in short: the code of `npm run scenario -- I2` with one size, one budget and one hold. On Node only: its processes are
 * Node's anyway.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { runI2 } from '../../bench/scenarios/i2.ts'
import { runtime } from '../contract/matrix.ts'

describe.runIf(runtime === 'node')('I2 the wait that was not the configured wait (on Node only)', () => {
  it('the old pool waits as its drivers do; ours until the lock is free or the budget is over', {
    timeout: 60_000,
  }, async () => {
    const arrivals = { everyMs: 200, durationMs: 1_800 }
    const phases = [{ name: 'short', budgetMs: 1_000, holdMs: 2_000, arrivals }]

    const { old, new: ours, raw, shortfalls } = await runI2({ sizes: [3], phases })

    expect(shortfalls).toEqual([])
    expect(ours).toMatchObject({ lost: 0, failed: 0 })
    expect(ours.attempted + Number(raw?.new.expectedTimeouts)).toBe(9)
    expect(ours.committed).toBeGreaterThan(0)
    // Three physical connections, and none of them waits by itself, whatever a session did to one.
    expect(raw?.new.busyTimeoutsMs).toBe('0 0 0')
    expect(raw?.old.busyTimeoutsMs).toBe('1000 5000 5000, 1000 0 0')
    expect(old.failed).toBeGreaterThan(0)
    expect(raw?.old.gaveUpBeforeBudget).toBeGreaterThan(0)
    expect(raw?.old.endedAfterBudget).toBeGreaterThan(0)
  })
})
