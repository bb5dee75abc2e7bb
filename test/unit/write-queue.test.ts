import { getEventListeners } from 'node:events'
import { type Connector, LockTimeoutError, StorageClosedError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { collectGarbage } from '../../adapters/_libsql-garbage.ts'
import type { WriteQueue } from '../../src/write-queue.ts'
import { rejection } from '../contract/note.ts'
import { firstConnector, openPool, type TestPool } from './pool.ts'

const nothing = async (): Promise<void> => {}

/** Keeps the writer until it is released. */
function hold({ pool }: TestPool): ReturnType<WriteQueue['own']> {
  return pool.queue.own(pool.startWait(), nothing)
}

/** A macrotask. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('WriteQueue', () => {
  it('runs units one at a time, in the order of their calls, whatever their kind', async () => {
    const { pool } = await openPool()
    const { queue } = pool
    const log: string[] = []
    const unit = (name: string): Promise<void> =>
      queue.exclusive(pool.startWait(), async () => {
        log.push(`${name} starts`)
        await turn()
        log.push(`${name} ends`)
      })
    const transaction = async (name: string): Promise<void> => {
      const lease = await queue.own(pool.startWait(), nothing)
      log.push(`${name} owns`)
      await turn()
      log.push(`${name} releases`)
      lease.release()
    }

    await Promise.all([unit('a'), transaction('b'), unit('c'), transaction('d'), unit('e')])

    expect(log).toEqual([
      ...['a starts', 'a ends', 'b owns', 'b releases', 'c starts', 'c ends'],
      ...['d owns', 'd releases', 'e starts', 'e ends'],
    ])
  })

  it('rejects a failing unit alone, and a failing take leaves the writer to the next', async () => {
    const { pool } = await openPool()
    const fail = async (): Promise<never> => {
      throw new Error('on purpose')
    }

    const settled = await Promise.allSettled([
      pool.queue.exclusive(pool.startWait(), fail),
      pool.queue.own(pool.startWait(), fail),
      pool.queue.exclusive(pool.startWait(), async () => 'fine'),
    ])

    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    await pool.queue.drained()
    expect(pool.queue.isBusy).toBe(false)
  })

  it('ends a unit at its deadline, not earlier, and never runs it after that', async () => {
    const test = await openPool()
    const { pool, clock } = test
    const lease = await hold(test)
    let hasRun = false
    let error: unknown
    pool.queue
      .exclusive(pool.startWait({ lockTimeoutMs: 2_000 }), async () => {
        hasRun = true
      })
      .catch((reason) => {
        error = reason
      })

    await clock.advance(1_999)
    expect(error).toBeUndefined()
    await clock.advance(1)
    await turn()

    expect(error).toBeInstanceOf(LockTimeoutError)
    expect(error).toMatchObject({ waitedMs: 2_000, attempts: 0, nothingRan: true })
    expect((error as Error).message).toContain(
      'A transaction of this process has held the writer for 2000 ms',
    )
    lease.release()
    await pool.queue.drained()
    expect(hasRun).toBe(false)
  })

  it('keeps one timer, at the earliest deadline, however many wait', async () => {
    const test = await openPool()
    const { pool, clock } = test
    const lease = await hold(test)
    const ended: number[] = []
    const waits = Array.from({ length: 1_000 }, (_, index) => 1_000 + ((index * 7) % 1_000))
    const units = waits.map((lockTimeoutMs) =>
      pool.queue.exclusive(pool.startWait({ lockTimeoutMs }), nothing).catch(() => ended.push(clock.now())),
    )

    expect(clock.pending).toBe(1)
    await clock.advance(999)
    expect(ended).toEqual([])
    await clock.advance(500)
    await turn()
    expect(ended).toEqual(Array.from({ length: 500 }, (_, index) => 1_000 + index))
    expect(pool.queue.size).toBe(500)

    lease.release()
    await Promise.all(units)
    expect(ended.length).toBe(500)
    await pool.queue.drained()
    expect(clock.pending).toBe(0)
  })

  it('asks once for a unit whose budget is over before the turn in which it is asked for', async () => {
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const nextTurn = (): Promise<void> => held.then(turn)
    const connector: Connector = Object.assign(Object.create(await firstConnector(':memory:')), { nextTurn })
    const { pool, clock } = await openPool({ connector })
    const write = (lockTimeoutMs: number): Promise<unknown> =>
      pool.queue.write(pool.startWait({ lockTimeoutMs }), [])
    // A group: the queue yields before it goes on.
    await Promise.all([write(1_000), write(1_000)])

    const late = write(0)
    await clock.advance(1)
    goOn()

    await late
  })

  it('drops a unit whose signal aborts, and takes its listener off', async () => {
    const test = await openPool()
    const { pool } = test
    const lease = await hold(test)
    const controller = new AbortController()
    const kept = new AbortController()
    let runs = 0
    const count = async (): Promise<void> => {
      runs++
    }
    const aborted = rejection(pool.queue.exclusive(pool.startWait({ signal: controller.signal }), count))
    const done = pool.queue.exclusive(pool.startWait({ signal: kept.signal }), count)

    controller.abort(new Error('enough'))
    expect(await aborted).toMatchObject({ message: 'enough' })
    expect(pool.queue.size).toBe(1)
    lease.release()
    await done

    expect(runs).toBe(1)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(getEventListeners(kept.signal, 'abort')).toEqual([])
  })

  it('never ends a unit that may wait for ever', async () => {
    const test = await openPool({ lockTimeoutMs: Number.POSITIVE_INFINITY })
    const { pool, clock } = test
    const lease = await hold(test)
    let isDone = false
    const unit = pool.queue.exclusive(pool.startWait(), nothing).finally(() => {
      isDone = true
    })

    expect(clock.pending).toBe(0)
    await clock.advance(2 ** 32)
    expect(isDone).toBe(false)

    lease.release()
    await unit
  })

  it('abandon() takes the writer back rolled back, and refuses its holder from then on', async () => {
    const { pool } = await openPool()
    const lease = await pool.queue.own(pool.startWait(), (writer) =>
      writer.begin('immediate', pool.startWait()),
    )
    const error = new StorageClosedError('closed')
    pool.queue.stop(error)
    const waiting = rejection(pool.queue.own(pool.startWait(), nothing))

    const abandoned = pool.queue.abandon(error)

    expect(lease.connection.direct.inTransaction).toBe(false)
    expect(await abandoned).toEqual({ rejectedWrites: 0, revokedTransactions: 1 })
    expect(await waiting).toBe(error)
    expect(await rejection(lease.use(nothing))).toBe(error)
    lease.release()
    expect(pool.queue.isBusy).toBe(false)
  })

  it('holds nothing of units that were given up, while the writer is still held', async () => {
    const test = await openPool()
    const { pool } = test
    const lease = await hold(test)
    const held = giveUpMany(test, 2_000)

    await vanish(held, 1_900)

    lease.release()
    await pool.queue.exclusive(pool.startWait(), nothing)
  })

  it('holds nothing of units that ran, while others still wait', async () => {
    const { pool } = await openPool()
    const held: WeakRef<object>[] = []
    const units = Array.from({ length: 10_000 }, () => {
      const payload = { bytes: new Uint8Array(1) }
      held.push(new WeakRef(payload))
      return pool.queue.exclusive(pool.startWait(), async () => void payload.bytes)
    })
    const last = pool.queue.own(pool.startWait(), nothing)
    pool.queue.exclusive(pool.startWait(), nothing).catch(() => {})
    await Promise.all(units)
    const lease = await last

    await vanish(held, 8_000)

    lease.release()
  })

  it.each([
    { pauseMs: 0, name: 'stays away from a lock that it lost after write upon write', tries: 1 },
    { pauseMs: 1_000, name: 'asks again at once for a lock that it lost some time after that', tries: 2 },
  ])('$name', async ({ pauseMs, tries }) => {
    const busy = new Error('busy')
    const connector = await firstConnector(':memory:')
    const resultCodeOf = connector.resultCodeOf.bind(connector)
    const { pool, clock } = await openPool({
      connector: Object.assign(connector, {
        resultCodeOf: (error: unknown) => (error === busy ? 5 : resultCodeOf(error)),
      }),
    })
    for (let count = 0; count < 9; count++) await pool.queue.exclusive(pool.startWait(), nothing)
    await clock.advance(pauseMs)
    let asked = 0
    let isHeld = true

    const unit = pool.queue.exclusive(pool.startWait(), async () => {
      asked++
      if (isHeld) throw busy
    })
    await clock.advance(13)
    expect(Math.min(asked, 2)).toBe(tries)
    isHeld = false
    await clock.advance(100)
    await unit
  })
})

/** In a function of its own, so that no local variable holds on to anything. */
function giveUpMany({ pool }: TestPool, count: number): WeakRef<object>[] {
  const controller = new AbortController()
  const held = Array.from({ length: count }, () => {
    const payload = { bytes: new Uint8Array(1) }
    pool.queue
      .exclusive(pool.startWait({ signal: controller.signal }), async () => void payload.bytes)
      .catch(() => {})
    return new WeakRef(payload)
  })
  controller.abort()
  return held
}

/** Waits until so many were collected; the collector may be too careful to find all. */
async function vanish(refs: readonly WeakRef<object>[], count: number): Promise<void> {
  const isGone = (ref: WeakRef<object>): boolean => ref.deref() === undefined
  for (let pass = 0; pass < 20; pass++) {
    await turn()
    await collectGarbage()
    await turn()
    if (refs.filter(isGone).length >= count) break
  }
  expect(refs.filter(isGone).length).toBeGreaterThanOrEqual(count)
}
