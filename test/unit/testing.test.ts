/** `unbusy/testing`: time under control, and a lock that is really held. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdLock, seededRandom, testClock } from 'unbusy/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { peerCommand, peerQuery } from '../processes/peer.ts'

describe('testClock', () => {
  it('stands still until it is told to go on', () => {
    const clock = testClock()
    expect([clock.now(), clock.random(), clock.pending]).toEqual([0, 0.5, 0])
  })

  it('calls back in the order of time, not of scheduling, with the time of each', async () => {
    const clock = testClock()
    const seen: string[] = []
    clock.schedule(20, () => seen.push(`late ${clock.now()}`))
    clock.schedule(10, () => seen.push(`early ${clock.now()}`))
    clock.schedule(10, () => seen.push(`early too ${clock.now()}`))
    clock.schedule(30, () => seen.push('not yet'))
    await clock.advance(25)
    expect(seen).toEqual(['early 10', 'early too 10', 'late 20'])
    expect([clock.now(), clock.pending]).toEqual([25, 1])
  })

  it('calls back what a callback, or what awaits it, schedules within the same time', async () => {
    const clock = testClock()
    const seen: number[] = []
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve))
    const walk = async (): Promise<void> => {
      for (let step = 0; step < 3; step++) {
        await sleep(5)
        await Promise.resolve()
        seen.push(clock.now())
      }
    }
    const walking = walk()
    await clock.advance(15)
    await walking
    expect(seen).toEqual([5, 10, 15])
  })

  it('does not call back what was cancelled', async () => {
    const clock = testClock()
    let called = false
    const cancel = clock.schedule(1, () => {
      called = true
    })
    cancel()
    await clock.advance(10)
    expect([called, clock.pending]).toEqual([false, 0])
  })
})

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, others for another, all in [0, 1)', () => {
    const take = (seed: number): number[] => Array.from({ length: 1_000 }, seededRandom(seed))
    expect(take(1)).toEqual(take(1))
    expect(take(1)).not.toEqual(take(2))
    expect(take(3).every((number) => number >= 0 && number < 1)).toBe(true)
    expect(take(3).reduce((sum, number) => sum + number) / 1_000).toBeCloseTo(0.5, 1)
  })
})

async function temporaryPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-testing-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'held.db')
}

const begin = ['pragma busy_timeout = 0', 'begin immediate'] as const

describe('holdLock', () => {
  it('holds the lock until it is released, and tells when that was', async () => {
    const path = await temporaryPath()
    await peerQuery(path, ['create table t (a)'])
    const lock = await holdLock(path, 20_000, { command: peerCommand() })
    await expect(peerQuery(path, begin)).rejects.toThrow('database is locked')
    const beforeMs = Date.now()
    await lock.release()
    const releasedAtMs = await lock.released
    expect(releasedAtMs).toBeGreaterThanOrEqual(beforeMs)
    expect(releasedAtMs).toBeLessThanOrEqual(Date.now())
    await peerQuery(path, begin)
    await lock.release()
  })

  it('ends by itself after its time', async () => {
    const path = await temporaryPath()
    await using lock = await holdLock(path, 50, { command: peerCommand() })
    await lock.released
    await peerQuery(path, begin)
  })

  it('runs on this very runtime without a command', async () => {
    const path = await temporaryPath()
    await using lock = await holdLock(path, Infinity)
    await expect(peerQuery(path, begin)).rejects.toThrow('database is locked')
    await lock.release()
  })

  it('says why it could not take the lock', async () => {
    const path = await temporaryPath()
    const folder = join(path, '..')
    await expect(holdLock(folder, 50)).rejects.toThrow(
      /^Cannot hold the lock of .*: .*unable to open database file/s,
    )
    await expect(holdLock(path, 50, { command: ['no-such-runtime', '-e'] })).rejects.toThrow(
      /^Cannot hold the lock of .*no-such-runtime/,
    )
  })
})
