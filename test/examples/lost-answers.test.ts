/**
 * The demo when the answer of its database server is lost: the client is told to send the request again, and whatever it
 * asked for is there once.
 *
 * @module
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HranaServer, startHranaServer } from '../hrana/start.ts'
import { type Answer, type Demo, runtime, startDemo, temporaryFolder } from './demo-server.ts'
import { newId, newSession } from './route-case.ts'
import { openUpdates } from './watcher.ts'

interface LostAnswerCase {
  readonly name: string
  /** Text of the statement whose answer is lost. */
  readonly matching: string
  /** Makes the request; sent again it is the same one. */
  prepare(demo: Demo): Promise<() => Promise<Answer>>
  /** What the second answer shows. */
  readonly shows: object
}

const cases: readonly LostAnswerCase[] = [
  {
    name: 'the registration of a machine',
    matching: 'insert into \\"machine\\"',
    prepare: async (demo) => {
      const id = newId()
      return () => demo.request('/v1/machines', { id, metadata: 'a' })
    },
    shows: { machine: { metadataVersion: 1 } },
  },
  {
    name: 'a change of a machine',
    matching: 'update \\"machine\\"',
    prepare: async (demo) => {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: 'a' })
      return () => demo.request('/v1/machines', { id, metadata: 'b' })
    },
    shows: { machine: { metadata: 'b', metadataVersion: 2 } },
  },
  {
    name: 'the opening of a session',
    matching: 'insert into \\"session\\"',
    prepare: async (demo) => {
      const tag = newId()
      return () => demo.request('/v1/sessions', { tag, metadata: '' })
    },
    shows: { session: { seq: 0 } },
  },
  {
    name: 'the end of a session',
    matching: 'update \\"session\\"',
    prepare: async (demo) => {
      const [id, time] = [await newSession(demo), Date.now()]
      return () => demo.request(`/v1/sessions/${id}/end`, { time })
    },
    shows: { session: { active: false, seq: 1 } },
  },
  {
    name: 'a usage report',
    matching: 'insert into \\"usage_report\\"',
    prepare: async (demo) => {
      const report = { sessionId: await newSession(demo), key: 'k', tokens: { total: 1 }, cost: { total: 1 } }
      return () => demo.request('/v2/usage-reports', report)
    },
    shows: { success: true },
  },
]

describe('the demo on a libSQL server', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: HranaServer
  let demo: Demo
  beforeAll(async () => {
    folder = await temporaryFolder()
    server = await startHranaServer({ path: join(folder.path, 'demo.db') })
    demo = await startDemo({ runtime, dialect: 'libsql' }, server.url)
  })
  afterAll(async () => {
    await demo.stop()
    await server.kill()
    await folder[Symbol.asyncDispose]()
  })
  const loseAnswer = (matching: string): Promise<void> =>
    server.faults({ script: [{ fault: { kind: 'drop', when: 'after' }, matching }] })

  it.each(cases)('has $name sent again by its client', async ({ matching, prepare, shows }) => {
    const send = await prepare(demo)
    await loseAnswer(matching)

    const first = await send()
    const second = await send()

    expect([first.status, first.headers.get('retry-after'), first.body.error]).toEqual([
      503,
      '1',
      'outcome-unknown',
    ])
    expect(second.status).toBe(200)
    expect(second.body).toMatchObject(shows)
  })

  it('says so over a WebSocket, too', async () => {
    const sid = await newSession(demo)
    await using socket = await openUpdates(demo)
    await loseAnswer('update \\"session\\"')

    socket.send({ type: 'session-end', sid, time: Date.now() })

    const { data } = await socket.watcher.first(({ event }) => event === 'error')
    expect(data).toMatchObject({ error: 'outcome-unknown' })
  })

  it('answers before its client gives up, after 10 s, where the server does not', async () => {
    const fault = { kind: 'delay', when: 'before', ms: 20_000 } as const
    await server.faults({ random: { seed: 1, rate: 1, faults: [fault] } })
    const sentAtMs = performance.now()

    const answers = await Promise.all([
      demo.request('/v1/machines', { id: newId(), metadata: 'a' }),
      demo.request('/v1/machines'),
    ])

    expect(performance.now() - sentAtMs).toBeLessThan(10_000)
    expect(answers.map(({ status }) => status)).toEqual([503, 503])
    await server.faults()
  })

  it('says of a server that is gone that it could not be used, not that the database stayed locked', async () => {
    const busyMs = { SQLITE_LOCK_TIMEOUT_MS: '100' }
    await using another = await startDemo({ runtime, dialect: 'libsql' }, server.url, busyMs)
    const sid = await newSession(another)
    await using socket = await openUpdates(another)
    await server.kill()
    // A read is sent until its budget is over: no connection of before is left, on which an answer could get lost.
    expect((await another.request('/readyz')).status).toBe(503)

    const { status, body } = await another.request('/v1/machines', { id: newId(), metadata: '' })
    socket.send({ type: 'session-end', sid, time: Date.now() })

    const what = 'the server of the database could not be used'
    expect([status, body]).toEqual([503, { error: 'busy', reason: `${what}; nothing was stored` }])
    const { data } = await socket.watcher.first(({ event }) => event === 'error')
    expect(data).toEqual({ error: 'busy', reason: `${what}; the end was not stored: send it again` })
  })
})
