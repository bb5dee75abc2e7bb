/**
 * The start of the demo: several at once, and what it refuses.
 *
 * @module
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configFromEnv } from '../../examples/hono-server/config.ts'
import { peerQuery } from '../processes/peer.ts'
import {
  type DemoTarget,
  demoTargets,
  runDemo,
  runtime,
  startDemo,
  targets,
  temporaryFolder,
} from './demo-server.ts'
import { newSession } from './route-case.ts'

/** What the entry of a runtime refuses, as a process; that of every other sentence is shown below, without one. */
const refusals: readonly [runtime: DemoTarget['runtime'], env: Record<string, string>, message: RegExp][] = [
  ['node', { HOST: '0.0.0.0' }, /^Cannot listen on 0\.0\.0\.0 without API_TOKEN /],
  ['bun', { HOST: '::' }, /^Cannot listen on :: without API_TOKEN /],
  ['deno', { HOST: '0.0.0.0', API_TOKEN: '' }, /^Cannot listen on 0\.0\.0\.0 without API_TOKEN /],
  ['node', { DATABASE_DIALECT: 'bun-sqlite' }, /bun/i],
  ['bun', { DATABASE_DIALECT: 'd1' }, /d1/],
]

const badVariables: readonly [env: Record<string, string>, message: RegExp][] = [
  [{ PORT: 'http' }, /^Cannot use PORT as it must be a whole number from 0 .*: current value is "http"$/],
  [{ PORT: '65536' }, /^Cannot use PORT /],
  [{ HOST: 'example.org' }, /^Cannot listen on example\.org without API_TOKEN /],
  [{ API_TOKEN: 'two words' }, /^Cannot use API_TOKEN /],
  [{ DATABASE_URL: 'file:a.db?mode=ro' }, /^Cannot use DATABASE_URL /],
  [{ DATABASE_DIALECT: 'mysql' }, /^Cannot use DATABASE_DIALECT /],
  [{ PRESENCE_FLUSH_MS: '0' }, /^Cannot use PRESENCE_FLUSH_MS /],
  [{ SWEEP_INTERVAL_MS: '1.5' }, /^Cannot use SWEEP_INTERVAL_MS /],
  [{ USAGE_QUEUE_CAPACITY: '0' }, /^Cannot use USAGE_QUEUE_CAPACITY /],
  [{ SQLITE_LOCK_TIMEOUT_MS: '1s' }, /^Cannot use SQLITE_LOCK_TIMEOUT_MS /],
]

it.each(badVariables)('configFromEnv() refuses %o in a sentence that names the variable', (env, message) => {
  expect(() => configFromEnv(env)).toThrow(message)
})

describe.concurrent.each(targets)(`demo on $runtime with $dialect, when the database refuses`, (target) => {
  it('answers 409 for a constraint and 500 without details for the rest, which it logs', async () => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'))
    await peerQuery(demo.path, [
      "create trigger no_machines before insert on machine begin select raise(abort, 'secret'); end",
      'alter table usage_report rename to secret',
    ])

    const conflict = await demo.request('/v1/machines', { id: 'one', metadata: '' })
    expect([conflict.status, conflict.body]).toEqual([
      409,
      { error: 'conflict', reason: 'SQLITE_CONSTRAINT_TRIGGER' },
    ])
    const failure = await demo.request('/v1/usage/query', {})
    expect([failure.status, failure.body]).toEqual([500, { error: 'internal' }])
    expect((await fetch(`${demo.url}/readyz`)).status).toBe(200)

    await peerQuery(demo.path, ['alter table machine rename to gone'])
    const readiness = await fetch(`${demo.url}/readyz`)
    expect([readiness.status, await readiness.json()]).toEqual([503, { status: 'unavailable' }])
    expect((await fetch(`${demo.url}/healthz`)).status).toBe(200)
    expect((await demo.stop()).stderr).toMatch(/POST \/v1\/usage\/query failed: [\s\S]*no such table/)
  })
})

describe('demo', () => {
  it.runIf(runtime === 'node')(
    'starts on several runtimes at once on one new file, and all serve the same data',
    async () => {
      await using folder = await temporaryFolder()
      const path = join(folder.path, 'demo.db')
      const demos = await Promise.all(
        demoTargets.filter(({ dialect }) => dialect !== 'libsql').map((target) => startDemo(target, path)),
      )
      try {
        const machines = await Promise.all(
          demos.map((demo) => demo.request('/v1/machines', { id: 'one', metadata: '' })),
        )
        for (const demo of demos) for (let count = 0; count < 5; count++) await newSession(demo)

        expect(new Set(machines.map(({ body }) => JSON.stringify(body))).size).toBe(1)
        const lists = await Promise.all(demos.map((demo) => demo.request('/v1/sessions')))
        for (const { body } of lists) expect(body).toEqual(lists[0]?.body)
        expect(lists[0]?.body.sessions).toHaveLength(demos.length * 5)
      } finally {
        const exits = await Promise.all(demos.map((demo) => demo.stop()))
        expect(exits.map(({ code }) => code)).toEqual(demos.map(() => 0))
      }
    },
  )

  it.concurrent.each(refusals.filter(([on]) => on === runtime))(
    'refuses to start on %s with %o in one sentence',
    async (runtime, env, message) => {
      await using folder = await temporaryFolder()
      const { code, stdout, stderr } = await runDemo(runtime, {
        DATABASE_URL: join(folder.path, 'demo.db'),
        ...env,
      })

      expect([code, stdout]).toEqual([1, ''])
      expect(stderr.trim()).toMatch(message)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    },
  )

  it('refuses a place that cannot be used', async () => {
    await using folder = await temporaryFolder()
    await writeFile(
      join(folder.path, 'text.db'),
      'this is no database, and long enough to have a header'.repeat(9),
    )
    await mkdir(join(folder.path, 'folder.db'))
    const [taken, gone] = await Promise.all([listening(), listening()])
    const port = portOf(taken)
    const nowhere = `127.0.0.1:${portOf(gone)}`
    await gone[Symbol.asyncDispose]()
    try {
      const exits = await Promise.all([
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'text.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'folder.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'text.db', 'demo.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'demo.db'), PORT: port }),
        runDemo(runtime, { DATABASE_URL: `http://${nowhere}`, SQLITE_LOCK_TIMEOUT_MS: '100' }),
      ])

      const sentences = exits.map(({ stderr }) => stderr.trim())
      expect(exits.map(({ code }) => code)).toEqual([1, 1, 1, 1, 1])
      for (const sentence of sentences) expect(sentence.split('\n')).toHaveLength(1)
      expect(sentences[0]).toContain('text.db')
      expect(sentences[1]).toContain('folder.db')
      expect(sentences[2]).toMatch(/^Cannot create the folder of the database/)
      expect(sentences[3]).toContain(port)
      expect(sentences[4]).toMatch(
        /^Cannot use the server of the database, 127\.0\.0\.1:\d+: .*(refused|connect)/i,
      )
      expect(sentences[4]).toContain(nowhere)
      expect(existsSync(join(folder.path, 'demo.db-wal'))).toBe(false)
    } finally {
      taken.close()
    }
  })
})

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): string {
  return `${(server.address() as AddressInfo).port}`
}
