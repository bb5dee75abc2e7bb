import { type Connection, type Connector, type MaybePromise, type StatementResult, systemClock } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { toStatement } from '../../src/connection/statement.ts'
import { queryAlone } from '../../src/pool/router.ts'
import { rejection } from '../contract/note.ts'
import { firstConnector, openPool, type TestPool } from './pool.ts'

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

/** A pool that had the lock write after write, until another process took it; and how often it asked since then. */
async function openBesideLock(): Promise<TestPool & { readonly lock: { isHeld: boolean; asked: number } }> {
  const lock = { isHeld: false, asked: 0 }
  const test = await openPool({
    connector: await writingThrough((execute) => {
      lock.asked++
      if (lock.isHeld) throw busy
      return execute()
    }),
  })
  for (let count = 0; count < 9; count++) await queryAlone(test.pool, touch)
  Object.assign(lock, { isHeld: true, asked: 0 })
  return { ...test, lock }
}

describe('a write of an idle storage', () => {
  it('asks once for a write that runs at once, before it stays away from a lock that it lost', async () => {
    const { pool, clock, lock } = await openBesideLock()

    const unit = queryAlone(pool, touch)
    await clock.advance(13)
    expect(lock.asked).toBe(1)
    lock.isHeld = false
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
    ['awaits work after work', 0, ({ pool }) => pool.queue.exclusive(pool.startWait(), async () => {})],
    ['awaits write after write', 0, ({ pool }) => queryAlone(pool, touch)],
    ['awaits failing write after failing write', 0, ({ pool }) => rejection(queryAlone(pool, failing))],
    ['computes for 20 ms between two writes', 20, ({ pool }) => queryAlone(pool, touch)],
  ])('lets timers run while one caller %s', async (_what, computesMs, write) => {
    const test = await openPool({ clock: systemClock })
    await queryAlone(test.pool, touch)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)

    for (const endMs = performance.now() + 5_000; ticks <= 3 && performance.now() < endMs; ) {
      await write(test)
      for (const untilMs = performance.now() + computesMs; performance.now() < untilMs; );
    }
    clearInterval(timer)

    expect(ticks).toBeGreaterThan(3)
  })

  it.each([0, 10, 1_000])(
    'counts each question of a write with a budget of %i ms, and tells what it met',
    async (lockTimeoutMs) => {
      const { pool, clock, lock } = await openBesideLock()

      const error = rejection(queryAlone(pool, touch, { lockTimeoutMs }))
      await clock.advance(lockTimeoutMs + 20)

      expect(await error).toMatchObject({ name: 'LockTimeoutError', attempts: lock.asked })
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
