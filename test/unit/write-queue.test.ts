import { getEventListeners } from 'node:events'
import {
  type Connection,
  type Connector,
  LockTimeoutError,
  type MaybePromise,
  type StatementResult,
  StorageClosedError,
  systemClock,
} from 'unbusy'
import { describe, expect, it } from 'vitest'
import { collectGarbage } from '../../adapters/_libsql-garbage.ts'
import { queryAlone } from '../../src/router.ts'
import { toStatement } from '../../src/statement.ts'
import type { WriteQueue } from '../../src/write-queue.ts'
import { rejection } from '../contract/note.ts'
import { firstConnector, openPool, type TestPool } from './pool.ts'

const nothing = async (): Promise<void> => {}

/** Keeps the writer until it is released. */
function hold({ pool }: TestPool): ReturnType<WriteQueue['own']> {
  return pool.queue.own(pool.startWait(), nothing)
}

/** A write that needs no table, and one that fails if that was run. */
const touch = { sql: 'create table if not exists touched (at integer check (at > 0))', parameters: [] }
const failing = { sql: 'insert into touched values (0)', parameters: [] }
const busy = Object.assign(new Error('busy'), { code: 'SQLITE_BUSY' })

/** A connector whose writes go through `run`. */
async function writingThrough(
  run: (execute: () => MaybePromise<StatementResult>, writer: Connection) => MaybePromise<StatementResult>,
): Promise<Connector> {
  const connector = await firstConnector(':memory:')
  return {
    ...connector,
    async connect(role, settings) {
      const connection = await connector.connect(role, settings)
      const execute = connection.execute.bind(connection)
      connection.execute = (statement) =>
        statement.kind === 'write' ? run(() => execute(statement), connection) : execute(statement)
      return connection
    },
  }
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

  it('asks once for a write that runs at once, before it stays away from a lock that it lost', async () => {
    let asked = 0
    let isHeld = false
    const { pool, clock } = await openPool({
      connector: await writingThrough((execute) => {
        asked++
        if (isHeld) throw busy
        return execute()
      }),
    })
    for (let count = 0; count < 9; count++) await queryAlone(pool, touch)
    isHeld = true

    const unit = queryAlone(pool, touch)
    await clock.advance(13)
    expect(asked).toBe(10)
    isHeld = false
    await clock.advance(100)
    await unit
  })

  it('rolls back what a write that failed at once has left open', async () => {
    let connection: Connection | undefined
    const { pool } = await openPool({
      connector: await writingThrough((_execute, writer) => {
        connection = writer
        void writer.begin('immediate')
        throw new Error('on purpose')
      }),
    })

    expect(await rejection(queryAlone(pool, touch))).toMatchObject({ message: 'on purpose' })
    expect(connection?.inTransaction).toBe(false)
  })

  it.each<[string, number, (test: TestPool) => Promise<unknown>]>([
    ['awaits work after work', 0, ({ pool }) => pool.queue.exclusive(pool.startWait(), nothing)],
    ['awaits write after write', 0, ({ pool }) => queryAlone(pool, touch)],
    ['awaits failing write after failing write', 0, ({ pool }) => rejection(queryAlone(pool, failing))],
    ['computes for 20 ms between two writes', 20, ({ pool }) => queryAlone(pool, touch)],
  ])('lets timers run while one caller %s', async (_what, computesMs, write) => {
    const test = await openPool({ clock: systemClock })
    await queryAlone(test.pool, touch)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)

    for (const endMs = performance.now() + 300; performance.now() < endMs; ) {
      await write(test)
      for (const untilMs = performance.now() + computesMs; performance.now() < untilMs; );
    }
    clearInterval(timer)

    expect(ticks).toBeGreaterThan(3)
  })

  it.each([0, 10, 1_000])(
    'counts each question of a write with a budget of %i ms, and tells what it met',
    async (lockTimeoutMs) => {
      let asked = 0
      let isHeld = false
      const { pool, clock } = await openPool({
        connector: await writingThrough((execute) => {
          asked++
          if (isHeld) throw busy
          return execute()
        }),
      })
      for (let count = 0; count < 9; count++) await queryAlone(pool, touch)
      isHeld = true
      asked = 0

      const error = rejection(queryAlone(pool, touch, { lockTimeoutMs }))
      await clock.advance(lockTimeoutMs + 20)

      expect(await error).toMatchObject({ name: 'LockTimeoutError', attempts: asked })
      expect((await error).cause).toMatchObject({ code: 'SQLITE_BUSY' })
    },
  )

  it('tells what a queued write with a budget of 0 met', async () => {
    const { pool, clock } = await openPool({
      connector: await writingThrough(() => {
        throw busy
      }),
    })
    const statement = toStatement(touch, 'integer')

    const error = rejection(pool.queue.write(pool.startWait({ lockTimeoutMs: 0 }), [statement]))
    await clock.advance(20)

    expect((await error).cause).toMatchObject({ code: 'SQLITE_BUSY' })
  })

  it('keeps a write back that is made inside another one, as by a function that SQLite calls', async () => {
    let depth = 0
    let deepest = 0
    let inner: Promise<unknown> | undefined
    const { pool } = await openPool({
      connector: await writingThrough((execute) => {
        deepest = Math.max(deepest, ++depth)
        inner ??= queryAlone(pool, touch)
        const result = execute()
        depth--
        return result
      }),
    })

    await queryAlone(pool, touch)
    await inner

    expect(deepest).toBe(1)
  })

  it('has those of one turn wait together, also behind a write that fails at once', async () => {
    const { pool } = await openPool()
    await queryAlone(pool, touch)
    const before = pool.queue.stats().lockCycles

    const first = rejection(queryAlone(pool, failing))
    const insert = { sql: 'insert into touched values (1)', parameters: [] }
    await Promise.all(Array.from({ length: 50 }, () => queryAlone(pool, insert)))

    expect((await first).name).toBe('ConstraintError')
    expect(pool.queue.stats().lockCycles - before).toBeLessThan(3)
  })

  it('keeps no timer for who gave up behind a write that ran at once', async () => {
    const { pool, clock } = await openPool()
    const controller = new AbortController()

    const first = queryAlone(pool, touch)
    const second = rejection(queryAlone(pool, touch, { signal: controller.signal }))
    controller.abort(new Error('on purpose'))
    await first
    await second

    expect(pool.queue.isBusy).toBe(false)
    expect(clock.pending).toBe(0)
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
