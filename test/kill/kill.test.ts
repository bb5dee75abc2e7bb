/**
 * SIGKILL at random moments: every write that was acknowledged is there, none twice, and what is atomic is whole. Twenty-
 * five kills over the runtimes and connectors; `npm run test:kill` does two hundred.
 *
 * @module
 */
import { seededRandom } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import { type ConnectorName, connectorNames, type RuntimeName, runtime } from '../contract/matrix.ts'
import { type Moment, runChain } from './chain.ts'

/** Siblings not on libSQL: several processes there are not recommended, its SQLite may corrupt the file (DESIGN.md 5). */
const chains: Readonly<Record<RuntimeName, Partial<Readonly<Record<ConnectorName, readonly Moment[]>>>>> = {
  node: {
    'better-sqlite3': ['migration', 'load', 'siblings', 'checkpoint', 'close'],
    'node-sqlite': ['open', 'load', 'checkpoint', 'load'],
    libsql: ['migration', 'load', 'checkpoint', 'close'],
  },
  bun: { 'bun-sqlite': ['migration', 'load', 'siblings', 'close'], libsql: ['load', 'checkpoint'] },
  deno: { 'node-sqlite': ['migration', 'load', 'siblings', 'close'], libsql: ['load', 'open'] },
}

describe.concurrent.each(connectorNames)(`SIGKILL on ${runtime} with %s`, (connector) => {
  const chain = chains[runtime][connector] ?? []

  it(`C5 keeps what was acknowledged, whole and once: ${chain.join(', ')}`, {
    timeout: 120_000,
  }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const report = await runChain({ runtime, connector }, chain, seededRandom(seed)).catch((cause) => {
      throw new Error(`seed ${seed}: ${cause.message}`, { cause })
    })

    // The signals did meet processes at work.
    const acknowledged = report.kills.reduce((sum, kill) => sum + kill.acknowledged, 0)
    expect(acknowledged).toBeGreaterThan(5)
    expect(report.kills.filter(({ moment, hit }) => !hit && moment !== 'close')).toEqual([])
  })
})
