/**
 * A pool on `:memory:` with the clock of the test: its queue and its readers are what the units here look at.
 *
 * @module
 */
import { type Connector, OpenError } from 'unbusy'
import { type TestClock, testClock } from 'unbusy/testing'
import { onTestFinished } from 'vitest'
import type { PoolOptions } from '../../src/options/pool-options.ts'
import { openPool as open } from '../../src/pool/opening.ts'
import type { ConnectionPool } from '../../src/pool.ts'
import { connectorNames, connectorTo } from '../contract/matrix.ts'

export interface TestPool {
  readonly pool: ConnectionPool
  readonly clock: TestClock
}

/** The connector that the units of this runtime run on. */
export function firstConnector(url: string): Promise<Connector> {
  const [name] = connectorNames
  if (name === undefined) throw new OpenError('Cannot run as CONNECTORS names none of this runtime')
  return connectorTo(name, url)
}

/** Opens a pool that is closed with the test. */
export async function openPool(options: Partial<PoolOptions> = {}): Promise<TestPool> {
  const clock = testClock()
  const connector = options.connector ?? (await firstConnector(':memory:'))
  const pool = await open({ clock, onWarning: () => {}, ...options, connector })
  onTestFinished(async () => {
    const closing = pool.close()
    await clock.advance(100_000)
    await closing
  })
  return { pool, clock }
}
