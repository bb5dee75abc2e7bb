/**
 * I3 in short: the code of `npm run scenario -- I3` with one storm. On Node only: its processes are Bun's anyway.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { i3Plan, runI3 } from '../../bench/scenarios/i3.ts'
import { runtime } from '../contract/matrix.ts'

describe.runIf(runtime === 'node')('I3 the exit storm (on Node only)', () => {
  it('the old way loses the race for the lock; of ours all end in time, and nothing fails', {
    timeout: 60_000,
  }, async () => {
    const { old, new: ours, raw, shortfalls } = await runI3({ ...i3Plan, storms: 1 })

    expect(shortfalls).toEqual([])
    // Of each process: its registration, its burst of 20, and its leave; and what it did before.
    expect(ours.attempted).toBeGreaterThanOrEqual(8 * 22)
    expect(ours.committed).toBe(ours.attempted)
    expect(raw?.new).toMatchObject({ walsLeft: 0, successorsDeleted: 0, labelsOverwritten: 0 })
    expect(old.failed).toBeGreaterThan(0)
  })
})
