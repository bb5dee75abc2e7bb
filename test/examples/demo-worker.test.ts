/**
 * The start and the end of the demo on workerd, where the process that gets the signals is not the server itself. On Node
 * only: who starts workerd makes no difference to what runs inside.
 *
 * @module
 */
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../hrana/ports.ts'
import { startHranaServer } from '../hrana/start.ts'
import { type Demo, runDemo, runtime, startDemo, temporaryFolder } from './demo-server.ts'
import { brief, newSession } from './route-case.ts'
import { openUpdates, watchEvents } from './watcher.ts'

describe.runIf(runtime === 'node').concurrent('demo on workerd', () => {
  it('with a local D1 stores on SIGTERM what waits, says so, and has it at the next start', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'd1')
    const target = { runtime: 'workerd', dialect: 'd1' } as const
    await using temporary = await temporaryFolder()
    const env = { PRESENCE_FLUSH_MS: '60000', TMPDIR: temporary.path }
    await using demo = await startDemo(target, path, env)
    const waiting = await fillBuffers(demo)
    await using watcher = await watchEvents(demo)
    await using _socket = await openUpdates(demo, '?machineId=connected')

    const { code, stdout, stderr } = await demo.stop()
    await watcher.ended()
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^Drained: answered \d waiting writes; written 3 heartbeats, \d usage events; dropped 0 /m,
    )
    expect(await readdir(temporary.path)).toEqual([])
    await using again = await startDemo(target, path)
    expect(await storedOf(again, waiting.session)).toEqual({
      ...waiting,
      activeMachines: ['seen'],
      totalReports: 1,
    })
  })

  it('with a libSQL server stores on SIGTERM what waits', async () => {
    await using folder = await temporaryFolder()
    await using server = await startHranaServer({ path: join(folder.path, 'server.db') })
    const target = { runtime: 'workerd', dialect: 'libsql-web' } as const
    const env = { DATABASE_URL: server.url, PRESENCE_FLUSH_MS: '60000' }
    await using demo = await startDemo(target, join(folder.path, 'd1'), env)
    const waiting = await fillBuffers(demo)

    const { stdout } = await demo.stop()
    expect(stdout).toMatch(
      /^Drained: answered \d waiting writes; written 2 heartbeats, \d usage events; dropped 0 /m,
    )
    await using again = await startDemo(target, join(folder.path, 'd1'), env)
    expect(await storedOf(again, waiting.session)).toMatchObject({ ...waiting, totalReports: 1 })
  })

  it('stores what waits on Ctrl-C, which workerd gets as well', async () => {
    await using folder = await temporaryFolder()
    const target = { runtime: 'workerd', dialect: 'd1' } as const
    await using demo = await startDemo(target, join(folder.path, 'd1'), { PRESENCE_FLUSH_MS: '60000' })
    await fillBuffers(demo)

    await demo.interruptAll()
    expect((await demo.stop()).stdout).toMatch(
      /^Drained: answered \d waiting writes; written 2 heartbeats, \d usage events; /m,
    )
  })

  it('is stopped by nobody who does not know the secret, and ends where nobody has asked for anything', async () => {
    await using folder = await temporaryFolder()
    const target = { runtime: 'workerd', dialect: 'd1' } as const
    await using demo = await startDemo(target, join(folder.path, 'd1'))
    const headers = { 'x-demo-stop': 'undefined', authorization: 'Bearer test-token' }

    expect((await fetch(`${demo.url}/healthz`, { headers })).status).toBe(200)
    const { code, stdout } = await demo.stop()
    expect([code, /^Drained: nothing/m.test(stdout)]).toEqual([0, true])
  })

  it('says in a sentence that its port is taken', async () => {
    await using folder = await temporaryFolder()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const PORT = `${(taken.address() as AddressInfo).port}`
    try {
      const { code, stderr } = await runDemo('workerd', { PORT, D1_FOLDER: join(folder.path, 'd1') })

      // What workerd itself says comes before it.
      expect([code, stderr.trim().split('\n').at(-1)]).toEqual([1, expect.stringContaining(PORT)])
    } finally {
      taken.close()
    }
  })

  it('is alive without its database, says 503 without details, and is there once the database is', async ({
    expect,
  }) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'server.db')
    const port = await freePort()
    const target = { runtime: 'workerd', dialect: 'libsql-web' } as const
    await using demo = await startDemo(target, join(folder.path, 'd1'), {
      DATABASE_URL: `http://127.0.0.1:${port}`,
      SQLITE_LOCK_TIMEOUT_MS: '500',
    })

    const health = await demo.request('/healthz')
    expect([health.status, health.body]).toEqual([200, { status: 'ok' }])
    const readiness = await demo.request('/readyz')
    expect([readiness.status, readiness.body]).toEqual([503, { status: 'unavailable' }])
    for (const refused of [await demo.request('/v1/machines'), await demo.request('/')]) {
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
      expect(refused.body).toEqual({ error: 'unavailable', reason: expect.not.stringMatching(/[/\\]/) })
    }
    await using _server = await startHranaServer({ path, port })
    await expect.poll(() => brief(demo.request('/v1/machines'))).toEqual([200, undefined])
    const { stdout, stderr } = await demo.stop()
    expect(`${stdout}${stderr}`).toMatch(/^Cannot start: The server could not be used .+$/m)
    expect(`${stdout}${stderr}`).not.toMatch(/^ +at /m)
  })
})

/** Heartbeats that are not stored yet, and a usage event, which waits for less long. */
async function fillBuffers(demo: Demo): Promise<{ readonly session: string; readonly activeAt: number }> {
  for (const id of ['seen', 'connected']) await demo.request('/v1/machines', { id, metadata: '' })
  const session = await newSession(demo)
  const activeAt = (await demo.request(`/v2/sessions/${session}`)).body.session.activeAt + 1
  const heartbeats = [
    { type: 'session-alive', sid: session, time: activeAt },
    { type: 'machine-alive', machineId: 'seen', time: Date.now() },
  ]
  while (Date.now() < activeAt) await new Promise((resolve) => setImmediate(resolve))
  expect((await demo.request('/v1/presence', { heartbeats })).body.accepted).toBe(2)
  const usage = { externalKey: 'e', sessionId: session, tokens: { total: 1 }, cost: { total: 1 } }
  expect((await demo.request('/v2/usage-events', usage)).status).toBe(202)
  return { session, activeAt }
}

async function storedOf(demo: Demo, session: string): Promise<object> {
  const machines: { id: string; active: boolean }[] = (await demo.request('/v1/machines')).body
  return {
    session,
    activeAt: (await demo.request(`/v2/sessions/${session}`)).body.session.activeAt,
    activeMachines: machines.filter(({ active }) => active).map(({ id }) => id),
    totalReports: (await demo.request('/v1/usage/query', {})).body.totalReports,
  }
}
