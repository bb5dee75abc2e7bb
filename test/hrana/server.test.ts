/**
 * The in-repo Hrana server, driven by the real client, beside a real sqld where one can be had: both must do the same.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { runtime } from '../adapters/_local.ts'
import { clientCases } from './client-cases.ts'
import { startTraps } from './forced-timeout.ts'
import { startRealServer } from './real-server.ts'
import { type HranaServer, startHranaServer } from './start.ts'

// What a server does, it does to every runtime: once is enough.
const real = runtime === 'node' ? await startRealServer() : { reason: 'it is met on Node' }
const traps = startTraps(!('reason' in real))

interface Urls {
  readonly url: string
  readonly wsUrl: string
  readonly authToken?: string
}

function describeServer(title: string, urls: () => Urls): void {
  for (const transport of ['url', 'wsUrl'] as const) {
    describe(`${title} over ${transport === 'url' ? 'HTTP' : 'WebSocket'}`, () => {
      for (const { name, run } of clientCases) {
        it(name, async () => {
          const { [transport]: url, authToken } = urls()
          const client = createClient({ url, ...(authToken && { authToken }) })
          try {
            await client.migrate(['drop view if exists w', 'drop table if exists t'])
            await client.execute('create table t (id integer primary key, v text unique)')
            await run(client, url)
          } finally {
            client.close()
          }
        })
      }
    })
  }
}

describe('the in-repo server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-hrana-'))
  let server: HranaServer
  beforeAll(async () => {
    server = await startHranaServer({ path: join(folder, 'server.db') })
  })
  afterAll(async () => {
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  describeServer('the in-repo server', () => server)
})

if ('reason' in real) it.skip(`a real server (not here: ${real.reason})`, () => {})
else {
  afterAll(() => real[Symbol.asyncDispose]())
  describeServer(real.version, () => real)
}

describe('a transaction that keeps others waiting is taken away', () => {
  for (const [name, trap] of traps) it(name, () => trap)
})
