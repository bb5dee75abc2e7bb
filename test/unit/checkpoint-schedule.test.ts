import { describe, expect, it } from 'vitest'
import { CheckpointSchedule, type CheckpointScheduleHost } from '../../src/checkpoint-schedule.ts'

/** At which of these times, all of them uses of the writer, a look at the WAL is taken. */
function looksAt(...usedAtMs: readonly number[]): number[] {
  // Looks ask nothing of it.
  const schedule = new CheckpointSchedule({} as CheckpointScheduleHost)
  return usedAtMs.filter((atMs) => schedule.takeLook(atMs))
}

describe('a look at the WAL', () => {
  it('is taken every 3 ms', () => {
    expect(looksAt(1_000, 1_001, 1_002.9, 1_003, 1_004)).toEqual([1_000, 1_003])
  })

  it('is put off by 0.5 ms where the writer comes back from its turn among others', () => {
    expect(looksAt(1_000, 1_020, 1_020.4, 1_020.5)).toEqual([1_000, 1_020.5])
  })

  it('is put off once only: who writes every 20 ms is looked at as well', () => {
    expect(looksAt(1_000, 1_020, 1_040, 1_060, 1_080)).toEqual([1_000, 1_040, 1_080])
  })

  it('is not put off where the writer was away for longer', () => {
    expect(looksAt(1_000, 1_050, 1_100)).toEqual([1_000, 1_050, 1_100])
  })
})
