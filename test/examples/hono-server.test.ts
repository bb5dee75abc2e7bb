/**
 * The demo end to end: every entry on every dialect that its runtime has, as a child process, over HTTP.
 *
 * @module
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { holdLock } from 'unbusy/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import {
  type Answer,
  type Demo,
  type DemoTarget,
  demoTargets,
  runDemo,
  startDemo,
  temporaryFolder,
} from './demo-server.ts'
import { machineCases } from './machine-cases.ts'
import { type PresenceSubjects, presenceCases } from './presence-cases.ts'
import { requestCases } from './request-cases.ts'
import { afterThisMillisecond, lockTimeoutMs, newId, newSession, untilWaiting } from './route-case.ts'
import { sessionCases } from './session-cases.ts'
import { usageCases } from './usage-cases.ts'

const routeCases = [...requestCases, ...machineCases, ...sessionCases, ...usageCases]

const isNode = !('Bun' in globalThis || 'Deno' in globalThis)
const targets = isNode ? demoTargets : []

if (!isNode) it.skip('demo (not here: the run on Node starts the entries of all runtimes)', () => {})

describe.each(targets)(`demo on $runtime with $dialect`, (target) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let demo: Demo

  beforeAll(async () => {
    folder = await temporaryFolder()
    demo = await startDemo(target, join(folder.path, 'missing', 'folder', 'demo.db'), {
      SQLITE_LOCK_TIMEOUT_MS: `${lockTimeoutMs}`,
    })
  })

  afterAll(async () => {
    await demo?.stop()
    await folder?.[Symbol.asyncDispose]()
  })

  for (const { name, run } of routeCases) it(name, () => run(demo))

  for (const { name, heartbeats, accepted, dropped = [], session, machine } of presenceCases) {
    it(`POST /v1/presence: ${name}`, async () => {
      const subjects = await presenceSubjects(demo)
      await afterThisMillisecond()
      const nowMs = Date.now()
      const { status, body } = await demo.request('/v1/presence', { heartbeats: heartbeats(subjects, nowMs) })

      expect([status, body]).toEqual([200, { accepted, dropped }])
      const stored = await storedSubjects(demo, subjects)
      for (const [expected, actual] of [
        [session, stored.session],
        [machine, stored.machine],
      ] as const) {
        if (expected === undefined) continue
        expect(actual.active).toBe(expected.active)
        expect(actual.activeAt >= nowMs).toBe(expected.moved)
        expect(actual.activeAt).toBeLessThanOrEqual(Date.now())
      }
      if (session !== undefined) expect(stored.session.endedAt !== null).toBe(session.ended ?? false)
      // Presence owns two columns; the rest is as it was, unless the session ended.
      if (session?.ended !== true) expect(stored.session).toMatchObject({ seq: 0, metadata: '' })
      expect(stored.machine).toMatchObject({ seq: 0, updatedAt: stored.machine.createdAt })
      expect(stored.endedSession.active).toBe(false)
      expect(stored.revokedMachine.active).toBe(false)
    })
  }
})

describe.each(targets)(`demo on $runtime with $dialect, stopped by SIGTERM`, (target) => {
  it('drains, says so, leaves no file beside the database, and starts again without the write lock', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'demo.db')
    await using demo = await startDemo(target, path)
    await demo.request('/v1/machines', { id: 'before', metadata: '' })

    const lock = await holdLock(path, 20_000)
    const waiting = Promise.all([
      demo.request('/v1/machines', { id: 'waiting', metadata: '' }),
      demo.request('/v1/sessions', { tag: 'waiting', metadata: '' }),
    ])
    await untilWaiting(demo, 2)
    await demo.beginStop()
    await lock.release()

    expect((await waiting).map(({ status }) => status)).toEqual([200, 200])
    const { code, stdout, stderr } = await demo.stop()
    expect(code, stderr).toBe(0)
    expect(stdout).not.toContain('hanging up')
    expect(stdout).toMatch(/^Drained: \d+ waiting writes, 0 rejected, 0 transactions rolled back; /m)
    if (target.dialect !== 'libsql') {
      expect(stdout).toContain('no demo.db-wal left')
      expect([existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([false, false])
    }
    expect(await peerQuery(path, ['select id from machine order by id'])).toEqual([
      { id: 'before' },
      { id: 'waiting' },
    ])

    await using _lock = await holdLock(path, 20_000)
    await using again = await startDemo(target, path)
    expect((await again.request('/v1/machines/before')).status).toBe(200)
  })
})

describe.each(targets)(`demo on $runtime with $dialect, when the database refuses`, (target) => {
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

if (isNode) describe('demo', startAndRefusals)

async function presenceSubjects(demo: Demo): Promise<PresenceSubjects> {
  const [machine, revokedMachine] = [newId(), newId()]
  for (const id of [machine, revokedMachine]) await demo.request('/v1/machines', { id, metadata: '' })
  await demo.request(`/v1/machines/${revokedMachine}/revoke`, {})
  const [session, endedSession] = [await newSession(demo), await newSession(demo)]
  await demo.request(`/v1/sessions/${endedSession}/end`, { time: Date.now() })
  return { machine, revokedMachine, session, endedSession }
}

async function storedSubjects(
  demo: Demo,
  subjects: PresenceSubjects,
): Promise<Record<keyof PresenceSubjects, Answer['body']>> {
  const machineOf = async (id: string) => (await demo.request(`/v1/machines/${id}`)).body.machine
  const sessionOf = async (id: string) => (await demo.request(`/v2/sessions/${id}`)).body.session
  return {
    machine: await machineOf(subjects.machine),
    revokedMachine: await machineOf(subjects.revokedMachine),
    session: await sessionOf(subjects.session),
    endedSession: await sessionOf(subjects.endedSession),
  }
}

function startAndRefusals(): void {
  it('starts on several runtimes at once on one new file, and all serve the same data', async () => {
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
  })

  it.each<[runtime: DemoTarget['runtime'], env: Record<string, string>, message: RegExp]>([
    [
      'node',
      { PORT: 'http' },
      /^Cannot use PORT as it must be a whole number from 0 .*: current value is "http"$/,
    ],
    ['node', { PORT: '65536' }, /^Cannot use PORT /],
    ['node', { HOST: '0.0.0.0' }, /^Cannot listen on 0\.0\.0\.0 without API_TOKEN /],
    ['bun', { HOST: '::' }, /^Cannot listen on :: without API_TOKEN /],
    ['deno', { HOST: '0.0.0.0', API_TOKEN: '' }, /^Cannot listen on 0\.0\.0\.0 without API_TOKEN /],
    ['node', { API_TOKEN: 'two words' }, /^Cannot use API_TOKEN /],
    ['node', { DATABASE_URL: 'file:a.db?mode=ro' }, /^Cannot use DATABASE_URL /],
    ['node', { DATABASE_DIALECT: 'mysql' }, /^Cannot use DATABASE_DIALECT /],
    ['node', { DATABASE_DIALECT: 'bun-sqlite' }, /bun/i],
    ['bun', { DATABASE_DIALECT: 'd1' }, /d1/],
    ['node', { SQLITE_LOCK_TIMEOUT_MS: '1s' }, /^Cannot use SQLITE_LOCK_TIMEOUT_MS /],
  ])('refuses to start on %s with %o in one sentence', async (runtime, env, message) => {
    await using folder = await temporaryFolder()
    const { code, stdout, stderr } = await runDemo(runtime, {
      DATABASE_URL: join(folder.path, 'demo.db'),
      ...env,
    })

    expect([code, stdout]).toEqual([1, ''])
    expect(stderr.trim()).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it.each(['node', 'bun', 'deno'] as const)('refuses a place that cannot be used, on %s', async (runtime) => {
    await using folder = await temporaryFolder()
    await writeFile(
      join(folder.path, 'text.db'),
      'this is no database, and long enough to have a header'.repeat(9),
    )
    await mkdir(join(folder.path, 'folder.db'))
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const port = `${(taken.address() as AddressInfo).port}`
    try {
      const exits = await Promise.all([
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'text.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'folder.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'text.db', 'demo.db') }),
        runDemo(runtime, { DATABASE_URL: join(folder.path, 'demo.db'), PORT: port }),
      ])

      const sentences = exits.map(({ stderr }) => stderr.trim())
      expect(exits.map(({ code }) => code)).toEqual([1, 1, 1, 1])
      for (const sentence of sentences) expect(sentence.split('\n')).toHaveLength(1)
      expect(sentences[0]).toContain('text.db')
      expect(sentences[1]).toContain('folder.db')
      expect(sentences[2]).toMatch(/^Cannot create the folder of the database/)
      expect(sentences[3]).toContain(port)
      expect(existsSync(join(folder.path, 'demo.db-wal'))).toBe(false)
    } finally {
      taken.close()
    }
  })
}
