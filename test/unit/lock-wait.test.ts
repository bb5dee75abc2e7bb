/** C3, in time that a test controls: when the lock is asked for again, and when the wait is over. */
import { LockTimeoutError, OutcomeUnknownError } from 'unbusy'
import { seededRandom, type TestClock, testClock } from 'unbusy/testing'
import { describe, expect, it, vi } from 'vitest'
import { restartLockWait, startLockWait, waitForLock } from '../../src/lock-wait.ts'
import { systemClock } from '../../src/time/clock.ts'

const busy = new Error('busy')
const isBusy = (error: unknown): boolean => error === busy

/** Waits for a lock that is never free, and notes when it is asked for. */
function waitInVain(clock: TestClock, budgetMs: number, signal?: AbortSignal) {
  const askedAtMs: number[] = []
  const wait = startLockWait(clock, budgetMs, signal)
  const ended = waitForLock(wait, isBusy, () => {
    askedAtMs.push(clock.now())
    throw busy
  }).catch((error: unknown) => error)
  return { askedAtMs, wait, ended }
}

describe('waitForLock', () => {
  it('answers at once, and sets no timer, when the lock is free', async () => {
    const clock = testClock()
    const wait = startLockWait(clock, 1_000)
    expect(await waitForLock(wait, isBusy, () => 'free')).toBe('free')
    expect([wait.attempts, clock.pending]).toEqual([1, 0])
  })

  it('asks by the age of the wait, not by the number of attempts', async () => {
    const clock = testClock()
    const { askedAtMs } = waitInVain(clock, 2_000)
    await clock.advance(700)
    const delaysMs = askedAtMs.map((atMs, index) => (askedAtMs[index + 1] ?? atMs) - atMs).slice(0, -1)
    for (const [index, delayMs] of delaysMs.entries()) {
      const ageMs = askedAtMs[index] ?? 0
      expect(delayMs).toBeCloseTo(ageMs < 20 ? 1.5 : ageMs < 500 ? 2.75 : 8)
    }
    await clock.advance(2_000)
  })

  it('asks a server five times less often, also where the last answer was lost', async () => {
    const clock = testClock()
    let attempts = 0
    const lost = new OutcomeUnknownError('lost')
    const ended = waitForLock(
      startLockWait(clock, 5_000),
      (error) => error === lost,
      () => {
        attempts++
        throw lost
      },
    ).catch((error: unknown) => error)
    await clock.advance(5_000)
    await ended

    // 500 ms with pauses of 13.75 ms, and 4,500 ms with pauses of 40 ms.
    expect(attempts).toBeGreaterThan(130)
    expect(attempts).toBeLessThan(170)
  })

  it('asks twice more at once where that is cheap, after each pause', async () => {
    const clock = testClock()
    const askedAtMs: number[] = []
    const wait = { ...startLockWait(clock, 1_000), triesAreCheap: true }
    const ended = waitForLock(wait, isBusy, () => {
      askedAtMs.push(clock.now())
      throw busy
    }).catch((error: unknown) => error)
    await clock.advance(2)
    expect(askedAtMs).toEqual([0, 0, 0, 1.5, 1.5, 1.5])
    await clock.advance(1_000)
    await ended
  })

  it('counts the age and the budget from the call on, so time in the queue counts', async () => {
    const clock = testClock()
    const wait = startLockWait(clock, 1_000)
    await clock.advance(990)
    const ended = waitForLock(wait, isBusy, () => {
      throw busy
    }).catch((error: unknown) => error)
    await clock.advance(9)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await ended).toMatchObject({ waitedMs: 1_000, attempts: 3 })
  })

  it('gives up when the budget is over, never earlier, and asks a last time then', async () => {
    const clock = testClock(seededRandom(7))
    const { askedAtMs, wait, ended } = waitInVain(clock, 2_000)
    await clock.advance(1_999.9)
    expect(clock.pending).toBe(1)
    await clock.advance(0.1)
    const error = await ended
    expect(error).toBeInstanceOf(LockTimeoutError)
    expect(error).toMatchObject({ waitedMs: 2_000, attempts: wait.attempts, nothingRan: true, cause: busy })
    expect(askedAtMs.at(-1)).toBe(2_000)
    expect(clock.pending).toBe(0)
  })

  it('waits on when a timer fires early', async () => {
    const clock = testClock()
    const early = {
      ...clock,
      schedule: (ms: number, callback: () => void) => clock.schedule(ms * 0.9, callback),
    }
    const wait = startLockWait(early, 10)
    const ended = waitForLock(wait, isBusy, () => {
      throw busy
    }).catch((error: unknown) => error)
    await clock.advance(9.9)
    expect(clock.pending).toBe(1)
    await clock.advance(10)
    expect((await ended) as LockTimeoutError).toHaveProperty('waitedMs', expect.any(Number))
    expect(((await ended) as LockTimeoutError).waitedMs).toBeGreaterThanOrEqual(10)
  })

  it('asks once with a budget of 0', async () => {
    const { askedAtMs, ended } = waitInVain(testClock(), 0)
    expect(await ended).toMatchObject({ attempts: 1, waitedMs: 0 })
    expect(askedAtMs).toEqual([0])
  })

  it('throws what is not busy at once', async () => {
    const clock = testClock()
    const other = new Error('disk')
    const work = vi.fn(() => {
      throw other
    })
    await expect(waitForLock(startLockWait(clock, 1_000), isBusy, work)).rejects.toBe(other)
    expect(work).toHaveBeenCalledTimes(1)
  })

  it('ends at an abort, at once, and leaves neither timer nor listener behind', async () => {
    const clock = testClock()
    const controller = new AbortController()
    const removed = vi.spyOn(controller.signal, 'removeEventListener')
    const { askedAtMs, ended } = waitInVain(clock, 1_000, controller.signal)
    await clock.advance(10)
    const before = askedAtMs.length
    controller.abort('left')
    expect(await ended).toBe('left')
    expect(clock.pending).toBe(0)
    await clock.advance(1_000)
    expect(askedAtMs).toHaveLength(before)
    expect(removed).toHaveBeenCalledTimes(before - 1)
  })

  it('does not ask at all when the signal is aborted already', async () => {
    const { askedAtMs, ended } = waitInVain(testClock(), 1_000, AbortSignal.abort('left'))
    expect(await ended).toBe('left')
    expect(askedAtMs).toEqual([])
  })

  it('ends before the next attempt when the storage gives the wait up', async () => {
    const clock = testClock()
    const { askedAtMs, wait, ended } = waitInVain(clock, 1_000)
    await clock.advance(10)
    const before = askedAtMs.length
    wait.abandonedBy = 'closed'
    await clock.advance(10)
    expect(await ended).toBe('closed')
    expect(askedAtMs).toHaveLength(before)
  })

  it('starts a whole budget again for a COMMIT, without the signal', async () => {
    const clock = testClock()
    const wait = startLockWait(clock, 1_000, AbortSignal.abort('left'))
    await clock.advance(900)
    const restarted = restartLockWait(wait)
    expect(restarted).toMatchObject({ startedAtMs: 900, deadlineMs: 1_900 })
    expect(restarted.signal).toBeUndefined()
  })

  it('starts it again once, not for every COMMIT of the same work', async () => {
    const clock = testClock()
    const restarted = restartLockWait(startLockWait(clock, 1_000), 500)
    await clock.advance(900)
    expect(restartLockWait(restarted)).toMatchObject({ startedAtMs: 500, deadlineMs: 1_500 })
  })
})

describe('systemClock', () => {
  it('does not fire at once for a delay that a timer cannot hold', async () => {
    const fired = vi.fn()
    const cancels = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((ms) => systemClock.schedule(ms, fired))
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const cancel of cancels) cancel()
    expect(fired).not.toHaveBeenCalled()
  })

  it('goes on with the rest of such a delay, and cancels it', () => {
    vi.useFakeTimers()
    try {
      const fired = vi.fn()
      systemClock.schedule(2 ** 31 + 10, fired)
      const cancel = systemClock.schedule(2 ** 31 + 10, fired)
      vi.advanceTimersByTime(2 ** 31 + 5)
      expect(fired).not.toHaveBeenCalled()
      cancel()
      vi.advanceTimersByTime(10)
      expect(fired).toHaveBeenCalledTimes(1)
    } finally {
      vi.useRealTimers()
    }
  })
})
