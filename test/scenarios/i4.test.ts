/**
 * I4 in short: the code of `npm run scenario -- I4` with one size. On Node only: its processes are Node's anyway.
 *
 * @runs-alone it measures the old way against ours
 * @module
 */
import { describe, expect, it } from 'vitest'
import { i4 } from '../../bench/scenarios/i4.ts'
import { runScenario } from '../../bench/scenarios/run-scenario.ts'
import { runtime } from '../contract/matrix.ts'

describe.runIf(runtime === 'node')('I4 accounting rows on the request path (on Node only)', () => {
  it('the old way stalls and drops rows; ours answers at once, and SIGTERM drains what it has acknowledged', {
    timeout: 60_000,
  }, async () => {
    const { old, new: ours, shortfalls } = await runScenario(i4, { sizes: [50], rounds: 1, roundMs: 2_000 })

    expect(ours).toMatchObject({ attempted: 105, committed: 105, lost: 0, failed: 0 })
    expect(shortfalls).toEqual([])
    // The old way waits for 1,000 ms, and the lock is held for 2,000 ms, twice.
    expect(old.lost).toBeGreaterThan(0)
    expect(old.loopGapMs).toBeGreaterThan(500)
    expect(old.attempted).toBe(105)
  })
})
