/**
 * Presence as it happens: answered from memory, seen by those who watch, stored later.
 *
 * @module
 */
import { holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import { type Demo, demoToken } from './demo-server.ts'
import {
  afterThisMillisecond,
  brief,
  newId,
  newSession,
  type RouteCase,
  statusOf,
  untilStored,
} from './route-case.ts'
import { openUpdates, watchEvents } from './watcher.ts'

const minute = 60_000

async function watching(demo: Demo): Promise<number> {
  return Number(/^demo_event_clients (\d+)$/m.exec((await demo.request('/metrics')).body)?.[1])
}

export const liveCases: readonly RouteCase[] = [
  {
    name: 'heartbeats on known ids do not touch the database: answered and shown while it is locked, stored afterwards',
    needsFile: true,
    async run(demo) {
      const [session, machine] = [await newSession(demo), newId()]
      await demo.request('/v1/machines', { id: machine, metadata: '' })
      await afterThisMillisecond()
      const time = Date.now()
      const heartbeats = [
        { type: 'session-alive', sid: session, time, thinking: true },
        { type: 'machine-alive', machineId: machine, time },
      ]
      const stored = `select last_active_at as time from session where id = '${session}'
        union all select last_active_at from machine where id = '${machine}'`
      {
        await using _lock = await holdLock(demo.path, 20_000)
        const startMs = performance.now()
        const { status, body } = await demo.request('/v1/presence', { heartbeats })
        expect(performance.now() - startMs).toBeLessThan(500)
        expect([status, body]).toEqual([200, { accepted: 2, dropped: [] }])

        expect((await demo.request(`/v2/sessions/${session}`)).body.session.activeAt).toBe(time)
        expect((await demo.request('/v1/machines')).body[0]).toMatchObject({
          id: machine,
          active: true,
          activeAt: time,
        })
        for (const row of await peerQuery(demo.path, [stored])) expect(row.time).toBeLessThan(time)
      }

      await untilStored(demo, stored, (rows) => rows.every((row) => row.time === time))
    },
  },
  {
    name: 'a session that another process has ended is not revived, and its heartbeats are dropped soon',
    needsFile: true,
    async run(demo) {
      const id = await newSession(demo)
      await using watcher = await watchEvents(demo)
      await peerQuery(demo.path, [`update session set ended_at = 7, active = 0 where id = '${id}'`])
      const beat = async (): Promise<unknown> => {
        const heartbeats = [{ type: 'session-alive', sid: id, time: Date.now() }]
        return (await demo.request('/v1/presence', { heartbeats })).body
      }

      expect(await beat()).toEqual({ accepted: 1, dropped: [] })
      await watcher.first(({ data }) => data.id === id && data.active === false)
      expect(await beat()).toEqual({ accepted: 0, dropped: [{ index: 0, reason: 'ended' }] })
      expect(await peerQuery(demo.path, [`select ended_at, active from session where id = '${id}'`])).toEqual(
        [{ ended_at: 7, active: 0 }],
      )
    },
  },
  {
    name: 'an end is stored when it is answered, and a sign of life that waited does not revive',
    needsFile: true,
    async run(demo) {
      const id = await newSession(demo)
      const nowMs = Date.now()
      await demo.request('/v1/presence', {
        heartbeats: [{ type: 'session-alive', sid: id, time: nowMs + minute }],
      })
      await demo.request('/v1/presence', { heartbeats: [{ type: 'session-end', sid: id, time: nowMs }] })
      const [row] = await peerQuery(demo.path, [
        `select ended_at, active, last_active_at >= ${nowMs} as is_fresh from session where id = '${id}'`,
      ])

      expect(row).toEqual({ ended_at: nowMs, active: 0, is_fresh: 1 })
    },
  },
  {
    name: 'GET /v1/events tells what happens: created, seen, thinking, ended, used',
    async run(demo) {
      await using watcher = await watchEvents(demo)
      const machine = newId()
      await demo.request('/v1/machines', { id: machine, metadata: 'first' })
      await demo.request('/v1/machines', { id: machine, metadata: 'second' })
      const session = await newSession(demo)
      const time = Date.now() + minute
      const report = { key: 'k', sessionId: session, tokens: { total: 1 }, cost: { total: 2 } }
      await demo.request('/v1/presence', {
        heartbeats: [{ type: 'session-alive', sid: session, time, thinking: true }],
      })
      await demo.request('/v2/usage-reports', report)
      await demo.request(`/v1/sessions/${session}/end`, { time })

      const body = async (t: string, id: string): Promise<unknown> =>
        (
          await watcher.first(
            ({ data }) => data.body?.t === t && (data.body.machine ?? data.body.session).id === id,
          )
        ).data
      expect(await body('new-machine', machine)).toMatchObject({
        seq: 0,
        body: { machine: { metadata: 'first' } },
      })
      expect(await body('update-machine', machine)).toMatchObject({
        seq: 1,
        body: { machine: { metadata: 'second' } },
      })
      expect(await body('new-session', session)).toMatchObject({ seq: 0 })
      expect(await body('update-session', session)).toMatchObject({ body: { session: { active: false } } })
      const ephemeral = watcher.received.filter(
        ({ event, data }) => event === 'ephemeral' && data.id === session,
      )
      expect(ephemeral.map(({ data }) => data)).toEqual([
        { type: 'activity', id: session, active: true, activeAt: expect.any(Number), thinking: true },
        {
          type: 'usage',
          id: session,
          key: 'k',
          tokens: { total: 1 },
          cost: { total: 2 },
          timestamp: expect.any(Number),
        },
        { type: 'activity', id: session, active: false, activeAt: expect.any(Number), thinking: false },
      ])
      await watcher.first(({ event, data }) => event === 'figures' && data.storage.lockCycles > 0)
    },
  },
  {
    name: 'nobody is told of a sign of life that is older than what a read answers',
    async run(demo) {
      await using watcher = await watchEvents(demo)
      const [machine, session] = [newId(), await newSession(demo)]
      await demo.request('/v1/machines', { id: machine, metadata: '' })
      const read = (await demo.request(`/v2/sessions/${session}`)).body.session
      const heartbeatsAt = (time: number): object[] => [
        { type: 'session-alive', sid: session, time },
        { type: 'machine-alive', machineId: machine, time },
      ]
      const old = await demo.request('/v1/presence', { heartbeats: heartbeatsAt(read.activeAt - minute) })
      await demo.request('/v1/presence', { heartbeats: heartbeatsAt(Date.now() + minute) })

      expect(old.body).toEqual({ accepted: 2, dropped: [] })
      for (const id of [session, machine]) {
        const { data } = await watcher.first(({ data }) => data.id === id && data.active === true)
        expect(data.activeAt).toBeGreaterThanOrEqual(read.activeAt)
      }
    },
  },
  {
    name: 'GET /v1/updates takes heartbeats and tells the same over a WebSocket',
    async run(demo) {
      const id = await newSession(demo)
      await using socket = await openUpdates(demo)
      socket.send({ type: 'session-alive', sid: id, time: Date.now() + minute, thinking: true })
      await socket.watcher.first(({ data }) => data.id === id && data.active && data.thinking)
      socket.send('{ "type": "session-alive" }')
      const { data } = await socket.watcher.first(({ event }) => event === 'error')
      expect(data).toEqual({ error: 'invalid-params', reason: 'sid is missing' })
      socket.send({ type: 'session-end', sid: id, time: Date.now() })
      await socket.watcher.first(({ data }) => data.id === id && data.active === false)

      expect((await demo.request(`/v2/sessions/${id}`)).body.session).toMatchObject({ active: false, seq: 1 })
      expect(await brief(demo.request('/v1/updates'))).toEqual([426, 'upgrade-required'])
    },
  },
  {
    name: 'a message to GET /v1/updates may have 65,536 bytes, whatever the characters; a larger one ends it with 1009',
    async run(demo) {
      const closeCode = async (message: string): Promise<number> => {
        await using socket = await openUpdates(demo)
        socket.send(message)
        await socket.watcher.ended()
        return socket.closeCode() ?? 0
      }
      await using socket = await openUpdates(demo)
      socket.send('"'.padEnd(65_536, 'x'))
      await socket.watcher.first(({ event }) => event === 'error')

      expect(await closeCode('x'.repeat(65_537))).toBe(1009)
      expect(await closeCode('ä'.repeat(32_769))).toBe(1009)
      expect(await closeCode('x'.repeat(900_000))).toBe(1009)
    },
  },
  {
    name: 'who hangs up on GET /v1/events or GET /v1/updates does not watch any more',
    async run(demo) {
      // Of the cases before, who hung up just now.
      await expect.poll(() => watching(demo), { timeout: 10_000 }).toBe(0)
      {
        await using _first = await watchEvents(demo)
        await using _second = await watchEvents(demo)
        await using _socket = await openUpdates(demo)
        expect(await watching(demo)).toBe(3)
      }

      await expect.poll(() => watching(demo), { timeout: 10_000 }).toBe(0)
    },
  },
  {
    name: 'half a handshake of a WebSocket gets 400, whichever half',
    async run({ url }) {
      const ask = (headers: Record<string, string>): Promise<number> =>
        statusOf(
          `${url}/v1/updates`,
          {
            authorization: `Bearer ${demoToken}`,
            upgrade: 'websocket',
            'sec-websocket-version': '13',
            ...headers,
          },
          [],
          'GET',
        )
      const key = 'dGhlIHNhbXBsZSBub25jZQ=='

      expect(await ask({ connection: 'upgrade' })).toBe(400)
      expect(await ask({ connection: 'close', 'sec-websocket-key': key })).toBe(400)
      expect(await ask({ connection: 'keep-alive, upgraded', 'sec-websocket-key': key })).toBe(400)
    },
  },
  {
    name: 'HEAD /v1/events is answered, and nobody watches for it',
    async run(demo) {
      const before = await watching(demo)
      for (let count = 0; count < 5; count++) {
        const { status, headers } = await demo.request('/v1/events', undefined, 'HEAD')
        expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream'])
      }

      expect(await watching(demo)).toBeLessThanOrEqual(before)
    },
  },
  {
    name: 'a machine is online and active while a WebSocket of its own is open; those who watch are told, and it is stored',
    needsFile: true,
    async run(demo) {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: '' })
      await using watcher = await watchEvents(demo)
      const told = (): unknown[] =>
        watcher.received
          .filter(({ data }) => data.machineId === id || data.id === id)
          .map(({ data }) => [data.type, data.online ?? data.active])
      const isActive = async (): Promise<boolean> =>
        (await demo.request(`/v1/machines/${id}`)).body.machine.active
      const stored = `select active from machine where id = '${id}'`
      const untilTold = (type: string, state: boolean): Promise<unknown> =>
        watcher.first(
          ({ data }) =>
            data.type === type &&
            (data.machineId ?? data.id) === id &&
            (data.online ?? data.active) === state,
        )
      const online = [
        ['machine-status', true],
        ['machine-activity', true],
      ]
      const offline = [
        ['machine-status', false],
        ['machine-activity', false],
      ]
      const connect = () => openUpdates(demo, `?machineId=${id}`)

      {
        await using _first = await connect()
        await untilTold('machine-activity', true)
        {
          await using second = await connect()
          second.send({ type: 'machine-alive', machineId: id, time: Date.now() + minute })
        }
        await untilStored(demo, stored, ([row]) => row?.active === 1)
        expect(await isActive()).toBe(true)
        expect(told().slice(0, 2)).toEqual(online)
      }
      await untilTold('machine-activity', false)
      expect(told().filter((event) => String(event).startsWith('machine-status'))).toEqual([
        online[0],
        offline[0],
      ])
      expect(told().slice(-2)).toEqual(offline)
      expect(await isActive()).toBe(false)
      await untilStored(demo, stored, ([row]) => row?.active === 0)
      expect(await isActive()).toBe(false)

      watcher.received.length = 0
      await using _again = await connect()
      await untilTold('machine-activity', true)
      expect(told()).toEqual(online)
      expect(await isActive()).toBe(true)
      await untilStored(demo, stored, ([row]) => row?.active === 1)
    },
  },
  {
    name: 'a WebSocket of a machine that is unknown or revoked is refused',
    async run(demo) {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: '' })
      await demo.request(`/v1/machines/${id}/revoke`, {})
      const upgrade = (machineId: string): Promise<number> =>
        statusOf(
          `${demo.url}/v1/updates?machineId=${machineId}`,
          {
            authorization: `Bearer ${demoToken}`,
            connection: 'upgrade',
            upgrade: 'websocket',
            'sec-websocket-version': '13',
            'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          },
          [],
          'GET',
        )

      expect([await upgrade(newId()), await upgrade(id), await upgrade('')]).toEqual([404, 410, 400])
    },
  },
  {
    name: 'who has been silent for 10 minutes is marked as inactive, once, and those who watch are told',
    needsFile: true,
    async run(demo) {
      const id = await newSession(demo)
      await using watcher = await watchEvents(demo)
      const silentSince = Date.now() - 11 * minute
      await peerQuery(demo.path, [`update session set last_active_at = ${silentSince} where id = '${id}'`])

      const { data } = await watcher.first((event) => event.data.id === id)
      expect(data).toEqual({ type: 'activity', id, active: false, activeAt: silentSince, thinking: false })
      expect((await demo.request(`/v2/sessions/${id}`)).body.session).toMatchObject({
        active: false,
        endedAt: null,
      })
      const heartbeats = [{ type: 'session-alive', sid: id, time: Date.now() }]
      await demo.request('/v1/presence', { heartbeats })
      await untilStored(demo, `select active from session where id = '${id}'`, ([row]) => row?.active === 1)
    },
  },
]
