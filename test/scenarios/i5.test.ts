/**
 * I5 in short: the code of `npm run scenario -- I5` with a long hold. Its rates are no test's business: `npm run scenario`
 * judges them, on a machine that has nothing else to do. On Node only: its processes are Node's anyway.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { runI5 } from '../../bench/scenarios/i5.ts'
import { runtime } from '../contract/matrix.ts'

/** So long that every process meets it. */
const slowHoldMs = 300

describe.runIf(runtime === 'node')('I5 the convoy (on Node only)', () => {
  it('the old ways freeze for as long as the lock is held; ours does not, and nothing fails', {
    timeout: 60_000,
  }, async () => {
    const {
      old,
      new: ours,
      others,
    } = await runI5({
      processes: 3,
      rounds: 1,
      warmUpMs: 100,
      phases: [
        { name: 'saturated', durationMs: 500, slowHoldMs: 0, thinkMs: 0 },
        { name: 'mixed', durationMs: 1_200, slowHoldMs, thinkMs: 2 },
      ],
    })

    expect(ours).toMatchObject({ lost: 0, failed: 0, committed: ours.attempted })
    expect(ours.attempted).toBeGreaterThan(100)
    expect(ours.maxMs).toBeGreaterThan(slowHoldMs / 2)
    expect(old.loopGapMs).toBeGreaterThan(slowHoldMs / 2)
    expect(others?.oldRetries).toMatchObject({ lost: 0 })
    expect(ours.loopGapMs).toBeLessThan(old.loopGapMs)
  })
})
