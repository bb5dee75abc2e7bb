/** C13: when the WAL is looked at. */
import { expect, it } from 'vitest'
import { CheckpointSchedule, type CheckpointScheduleHost } from '../../src/checkpoint/schedule.ts'

/** At which of these uses of the writer, times in ms, a look is taken. */
function looks(uses: readonly { readonly atMs: number; readonly hasWaited: boolean }[]): number[] {
  // To take a look asks nothing of it.
  const schedule = new CheckpointSchedule({} as CheckpointScheduleHost)
  return uses.filter(({ atMs, hasWaited }) => schedule.takeLook(atMs, hasWaited)).map(({ atMs }) => atMs)
}

const at = (atMs: number) => ({ atMs, hasWaited: false })
const waitedAt = (atMs: number) => ({ atMs, hasWaited: true })

it('C13 the WAL is looked at every 3 ms', () => {
  expect(looks([at(1), at(2), at(3.9), at(4), at(5), at(50), at(52)])).toEqual([1, 4, 50])
})

it('C13 a look after a write that had to wait comes half a millisecond later', () => {
  expect(looks([at(1), waitedAt(20), at(20.1), at(20.4), at(20.6), at(21), at(23.7)])).toEqual([
    1, 20.6, 23.7,
  ])
})

it('C13 where every write has to wait, the WAL is looked at after every other one', () => {
  expect(looks([10, 20, 30, 40, 50].map(waitedAt))).toEqual([20, 40])
})
