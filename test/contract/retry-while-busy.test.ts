/**
 * C3 for code with a connection of its own: retryWhileBusy waits like the library, and decides by result code.
 *
 * @runs-alone it measures how still the event loop stands
 */
import { LockTimeoutError, resultCodeOf, retryWhileBusy } from 'unbusy'
import { expect } from 'vitest'
import { type CaseContext, type ContractCase, describeContract } from './case.ts'
import { type ForeignHandle, foreignHandle } from './foreign-handle.ts'
import { watchLoop } from './loop-gaps.ts'
import { rejection } from './note.ts'

/** A wait that blocks stands still for all of it; a busy machine does for some of it. */
const holdMs = 1_000

const write = ['BEGIN IMMEDIATE', 'insert into t values (1)', 'COMMIT'] as const

async function withHandle(
  context: CaseContext,
  work: (handle: ForeignHandle) => Promise<void>,
): Promise<void> {
  await context.peer('pragma journal_mode = wal', 'create table t (a unique)')
  const handle = await foreignHandle(context.connector, context.path)
  try {
    await work(handle)
  } finally {
    handle.close()
  }
}

const cases: ContractCase[] = [
  {
    name: 'C3 retryWhileBusy waits for the lock without blocking the loop, then runs once',
    run: (context) =>
      withHandle(context, async (handle) => {
        await using lock = await context.holdLock(holdMs)
        let calls = 0
        const loop = watchLoop()
        await retryWhileBusy(() => {
          calls++
          return handle.run(...write)
        })
        expect(loop.worstGapMs()).toBeLessThan(holdMs / 2)
        expect(Date.now() - (await lock.released)).toBeLessThan(holdMs / 2)
        expect(calls).toBeGreaterThan(20)
        expect(await context.peer('select a from t')).toEqual([{ a: 1 }])
      }),
  },
  {
    name: 'C3 retryWhileBusy gives up when its budget is over, never earlier',
    run: (context) =>
      withHandle(context, async (handle) => {
        await using lock = await context.holdLock(20_000)
        const startMs = performance.now()
        const error = await rejection(retryWhileBusy(() => handle.run(...write), { lockTimeoutMs: 300 }))
        expect(performance.now() - startMs).toBeGreaterThanOrEqual(300)
        expect(performance.now() - startMs).toBeLessThan(1_000)
        expect(error).toBeInstanceOf(LockTimeoutError)
        expect(error).toMatchObject({ attempts: expect.any(Number), nothingRan: true })
        expect(Number(resultCodeOf(error.cause)) & 0xff).toBe(5)
        await lock.release()
        expect(await context.peer('select a from t')).toEqual([])
      }),
  },
  {
    name: 'C3 an abort ends retryWhileBusy at once',
    run: (context) =>
      withHandle(context, async (handle) => {
        await using lock = await context.holdLock(20_000)
        const controller = new AbortController()
        const reason = new Error('enough')
        let abortedAtMs = 0
        setTimeout(() => {
          abortedAtMs = performance.now()
          controller.abort(reason)
        }, 50)
        const waiting = retryWhileBusy(() => handle.run(...write), { signal: controller.signal })
        expect(await rejection(waiting)).toBe(reason)
        expect(performance.now() - abortedAtMs).toBeLessThan(2_000)
        await lock.release()
        expect(await context.peer('select a from t')).toEqual([])
      }),
  },
  {
    name: 'C3 BUSY_SNAPSHOT runs the whole function again',
    run: (context) =>
      withHandle(context, async (handle) => {
        let calls = 0
        await retryWhileBusy(() => {
          calls++
          const between = async (): Promise<unknown> =>
            calls === 1 ? context.peer('insert into t values (100)') : undefined
          return handle.readThenWrite(
            'select max(a) from t',
            between,
            'insert into t select 1 + coalesce(max(a), 0) from t',
          )
        })
        expect(calls).toBe(2)
        expect(await context.peer('select a from t order by a')).toEqual([{ a: 100 }, { a: 101 }])
      }),
  },
  {
    name: 'C3 a constraint, a syntax error and an error of the caller are thrown at once',
    run: (context) =>
      withHandle(context, async (handle) => {
        await handle.run(...write)
        let calls = 0
        const once = (work: () => Promise<void>): Promise<Error> =>
          rejection(
            retryWhileBusy(() => {
              calls++
              return work()
            }),
          )
        expect(Number(resultCodeOf(await once(() => handle.run(...write)))) & 0xff).toBe(19)
        expect(Number(resultCodeOf(await once(() => handle.run('nonsense')))) & 0xff).toBe(1)
        const mine = new Error('database is locked')
        expect(await once(() => Promise.reject(mine))).toBe(mine)
        expect(calls).toBe(3)
      }),
  },
]

describeContract('retryWhileBusy', cases)
