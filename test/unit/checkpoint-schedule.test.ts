import { describe, expect, it } from 'vitest'
import { CheckpointSchedule, type CheckpointScheduleHost } from '../../src/checkpoint-schedule.ts'

/** At which of these times, all of them uses of the writer, a look at the WAL is taken. */
function looksAt(...uses: readonly { readonly atMs: number; readonly hasWaited: boolean }[]): number[] {
  // Looks ask nothing of it.
  const schedule = new CheckpointSchedule({} as CheckpointScheduleHost)
  return uses.filter(({ atMs, hasWaited }) => schedule.takeLook(atMs, hasWaited)).map(({ atMs }) => atMs)
}

const at = (atMs: number) => ({ atMs, hasWaited: false })
const afterWait = (atMs: number) => ({ atMs, hasWaited: true })

describe('a look at the WAL', () => {
  it('is taken every 3 ms', () => {
    expect(looksAt(at(1_000), at(1_001), at(1_002.9), at(1_003), at(1_004))).toEqual([1_000, 1_003])
  })

  it('is put off by 0.5 ms after a wait for the lock', () => {
    expect(looksAt(at(1_000), afterWait(1_020), at(1_020.4), at(1_020.5))).toEqual([1_000, 1_020.5])
  })

  it('is put off once only: at who always waits it is taken as well', () => {
    const uses = [1_000, 1_020, 1_040, 1_060].map(afterWait)

    expect(looksAt(...uses)).toEqual([1_020, 1_060])
  })
})
