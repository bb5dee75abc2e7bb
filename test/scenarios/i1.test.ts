/**
 * I1 in short: the code of `npm run scenario -- I1` with one size and longer holds. On Node only: its processes are Node's
 * anyway.
 *
 * @runs-alone it measures the old way against ours
 * @module
 */
import { describe, expect, it } from 'vitest'
import { i1 } from '../../bench/scenarios/i1.ts'
import { runScenario } from '../../bench/scenarios/run-scenario.ts'
import { runtime } from '../contract/matrix.ts'

/** So long that a registration comes near the start of each hold. */
const holdMs = 1_000

describe.runIf(runtime === 'node')('I1 presence flush amplification (on Node only)', () => {
  it('the old way freezes for as long as the lock is held; ours loses and fails nothing, and is not late', {
    timeout: 60_000,
  }, async () => {
    const bursts = { holdMs, gapMs: 50, batches: 2, pauseMs: 100 }
    const scenario = { ...i1, bursts }

    const {
      old,
      new: ours,
      sizes,
      shortfalls,
    } = await runScenario(scenario, {
      sizes: [200],
      rounds: 1,
      roundMs: 3_000,
    })

    expect(sizes).toEqual([200])
    expect(ours).toMatchObject({ attempted: 260, committed: 260, lost: 0, failed: 0 })
    expect(shortfalls).toEqual([])
    expect(ours.maxMs).toBeLessThan(10_000)
    expect(old.attempted).toBe(260)
    expect(old.loopGapMs).toBeGreaterThan(holdMs / 2)
    expect(old.lockCycles).toBeGreaterThan(2 * ours.lockCycles)
  })
})
