/** How kyselyDialect() treats a driver: as Kysely does, so that one with a pool, a mutex or a worker is not surprised. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CompiledQuery } from 'kysely'
import type { Connector } from 'unbusy'
import { type KyselyDialectOptions, kyselyDialect } from 'unbusy/kysely-dialect'
import { holdLock } from 'unbusy/testing'
import { expect, test } from 'vitest'
import { watchLoop } from '../contract/loop-gaps.ts'
import { rejection } from '../contract/note.ts'
import { type WrappedDialect, wrappedDialects } from '../contract/wrapped-dialects.ts'
import { peerCommand } from '../processes/peer.ts'
import { type DriverConnection, newPath, noTransactions, open, optionsOf, withDriver } from './_dialects.ts'
import { connect, rowsOf } from './_local.ts'

const [first] = wrappedDialects as readonly [WrappedDialect]

/** A connector whose driver takes a turn for each statement, as a worker does, and tells what is asked of it. */
function observedConnector(failsToInit = false): {
  readonly connector: Connector
  readonly events: readonly string[]
  mostRunning(): number
} {
  const events: string[] = []
  let running = 0
  let mostRunning = 0
  const connector = kyselyDialect({
    ...optionsOf(first),
    async dialect(path) {
      const dialect = await first.create(path)
      const driver = dialect.createDriver()
      const slow = (connection: DriverConnection): DriverConnection => ({
        streamQuery: connection.streamQuery.bind(connection),
        async executeQuery(query) {
          mostRunning = Math.max(mostRunning, ++running)
          await nextTurn()
          running--
          return connection.executeQuery(query)
        },
      })
      return withDriver(dialect, {
        ...noTransactions,
        async init() {
          await driver.init()
          events.push('init')
          if (failsToInit) throw new Error('the init failed')
        },
        async acquireConnection() {
          events.push('acquire')
          return slow(await driver.acquireConnection())
        },
        async releaseConnection() {
          events.push('release')
        },
        async destroy() {
          events.push(`destroy while ${running} run`)
          await driver.destroy()
        },
      })
    },
  })
  return { connector, events, mostRunning: () => mostRunning }
}

test('statements of one connection never overlap, and close() lets the running one finish', async () => {
  const { connector, events, mostRunning } = observedConnector()
  const connection = await connect(connector)
  const reads = [1, 2, 3, 4].map((n) => rowsOf(connection, `select ${n} as n`))

  await connection.close()
  await connection.close()

  expect(await Promise.all(reads)).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }], [{ n: 4 }]])
  expect(mostRunning()).toBe(1)
  expect(events).toEqual(['init', 'acquire', 'release', 'destroy while 0 run'])
})

test('a driver that could not open is destroyed, and its own error is the reason', async () => {
  const { connector, events } = observedConnector(true)
  const error = await rejection(connect(connector))
  expect(error).toMatchObject({ name: 'OpenError', cause: { message: 'the init failed' } })
  expect(events).toEqual(['init', 'destroy while 0 run'])
})

test('timers and finalizers get their turn between statements that are through at once', async () => {
  const connection = await connect(kyselyDialect(optionsOf(first, newPath())))
  let turns = 0
  const count = (): void => {
    turns++
    turning = setImmediate(count)
  }
  let turning = setImmediate(count)
  for (let n = 0; n < 500; n++) await connection.exec('select 1')
  clearImmediate(turning)
  expect(turns).toBeGreaterThanOrEqual(8)
})

test('limit: a lock that is met while the dialect opens is not waited for, but by the driver, which blocks', async () => {
  const url = newPath()
  await (await open(optionsOf(first, url))).close()
  await using _ = await holdLock(url, 20_000, { command: peerCommand() })
  const impatient: KyselyDialectOptions = {
    ...optionsOf(first, url),
    async dialect(path) {
      const dialect = await first.create(path)
      const driver = dialect.createDriver()
      const init = async (): Promise<void> => {
        await driver.init()
        const connection = await driver.acquireConnection()
        const run = (text: string): Promise<unknown> => connection.executeQuery(CompiledQuery.raw(text))
        await run('pragma busy_timeout = 300')
        await run('begin immediate')
      }
      return withDriver(dialect, {
        ...noTransactions,
        releaseConnection: async () => {},
        acquireConnection: () => driver.acquireConnection(),
        destroy: () => driver.destroy(),
        init,
      })
    },
  }
  const loop = watchLoop()
  const error = await rejection(open(impatient))
  expect(error).toMatchObject({ name: 'OpenError', message: expect.stringContaining('database is locked') })
  expect(loop.worstGapMs()).toBeGreaterThanOrEqual(290)
})

test('a connection that opens beside an exclusive lock does not stand in the wait of its driver', async () => {
  const url = newPath()
  await (await open(optionsOf(first, url), { pragmas: { journal_mode: 'delete' } })).close()
  await using _ = await holdLock(url, 20_000, { command: peerCommand(), begin: 'exclusive' })
  const loop = watchLoop()
  await connect(kyselyDialect(optionsOf(first, url)))
  // better-sqlite3 and node:sqlite of Deno would wait 5 s.
  expect(loop.worstGapMs()).toBeLessThan(2_000)
})
