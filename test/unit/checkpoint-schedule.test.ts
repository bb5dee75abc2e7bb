import { describe, expect, it } from 'vitest'
import { walLimits } from '../../src/checkpoint-limits.ts'
import type { CheckpointRunner } from '../../src/checkpoint-runner.ts'
import { CheckpointSchedule } from '../../src/checkpoint-schedule.ts'
import type { WalGauge, WalUse } from '../../src/wal-gauge.ts'
import type { WalPinWatch } from '../../src/wal-pin-watch.ts'

const limits = walLimits(1_000)
/** Large enough that nothing is said by its size. */
const fileBytes = 100_000

/** A schedule at some time, and the use of the WAL that it finds. */
function scheduleOver(use: WalUse, usesWorker = true): CheckpointSchedule {
  return new CheckpointSchedule({
    gauge: { use: () => use, fileBytes } as Partial<WalGauge> as WalGauge,
    runner: { usesWorker } as CheckpointRunner,
    pins: { pin: undefined } as WalPinWatch,
    limits,
  })
}

describe('a look at the WAL', () => {
  const full: WalUse = { usedBytes: 1_100, isMoved: false }

  it('is taken every 3 ms', () => {
    const schedule = scheduleOver(full)

    expect([100, 101, 102.9, 103, 104].map((atMs) => schedule.takeLook(atMs))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ])
  })

  it('is not taken at the first writes after a pause, but at the pause itself', () => {
    const schedule = scheduleOver(full)

    expect(schedule.takeLook(100)).toBe(true)
    expect(schedule.takeLookAtPause(110)).toBe(true)
    expect(schedule.takeLookAtPause(111)).toBe(false)
    expect(schedule.takeLook(130)).toBe(false)
    expect(schedule.takeLook(130.4)).toBe(false)
    expect(schedule.takeLook(130.5)).toBe(true)
  })

  it('is taken at no pause where checkpoints run on the event loop, and then at the first write', () => {
    const schedule = scheduleOver(full, false)

    expect(schedule.takeLookAtPause(110)).toBe(false)
    expect(schedule.takeLook(130)).toBe(true)
  })
})

describe('a checkpoint', () => {
  const isDue = (schedule: CheckpointSchedule, nowMs: number, isAtPause = false): boolean =>
    schedule.isDue(fileBytes, nowMs, isAtPause)

  it.each<[string, WalUse, boolean]>([
    ['under the limit', { usedBytes: 999, isMoved: false }, false],
    ['at the limit', { usedBytes: 1_000, isMoved: false }, true],
    ['of which most is in the database', { usedBytes: 1_499, isMoved: true }, false],
    ['that has outgrown its limit, also after phase 1', { usedBytes: 1_500, isMoved: true }, true],
  ])('of a WAL %s', (_what, use, expected) => {
    expect(isDue(scheduleOver(use), 1_000)).toBe(expected)
  })

  it('is begun by who takes turns with others at a pause, and only by a turn that is none', () => {
    const schedule = scheduleOver({ usedBytes: 1_000, isMoved: false })
    schedule.takeLookAtPause(100)
    schedule.takeLook(120)

    expect(isDue(schedule, 124.9)).toBe(false)
    expect(isDue(schedule, 124.9, true)).toBe(true)
    expect(isDue(schedule, 125)).toBe(true)
  })

  it('comes after a rest of 10 ms, which does not hold phase 2 up', () => {
    const use = { usedBytes: 1_000, isMoved: false }
    const schedule = scheduleOver(use)
    schedule.noteEnd(false, 100)

    expect(isDue(schedule, 109)).toBe(false)
    expect(isDue(schedule, 110)).toBe(true)
    use.usedBytes = 1_500
    expect(isDue(schedule, 101)).toBe(true)
  })

  it.each<[string, (schedule: CheckpointSchedule) => void]>([
    ['a reader is in the way', (schedule) => schedule.noteEnd(true, 100)],
    ['it failed', (schedule) => schedule.noteFailure(100)],
  ])('comes 250 ms later if %s, however large the WAL is', (_what, note) => {
    const schedule = scheduleOver({ usedBytes: 10_000, isMoved: false })
    note(schedule)

    expect(isDue(schedule, 349)).toBe(false)
    expect(isDue(schedule, 350)).toBe(true)
  })
})
