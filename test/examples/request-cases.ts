/**
 * What every route has in common: who may ask, what fits, how much, and what is answered to the rest.
 *
 * @module
 */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { expect } from 'vitest'
import { brief, newId, type RouteCase, statusOf } from './route-case.ts'

export const requestCases: readonly RouteCase[] = [
  {
    name: 'GET /healthz and /readyz answer without a token',
    async run({ url }) {
      const health = await fetch(`${url}/healthz`)
      const readiness = await fetch(`${url}/readyz`)

      expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
      expect([readiness.status, await readiness.json()]).toEqual([200, { status: 'ready', queuedWrites: 0 }])
    },
  },
  {
    name: 'a request that names no host, as the health checks of some load balancers do, is answered as any other',
    namesNoHost: true,
    async run({ url }) {
      const ask = async (path: string): Promise<string> => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1')
        socket.write(`GET ${path} HTTP/1.0\r\nauthorization: Bearer test-token\r\nconnection: close\r\n\r\n`)
        return (await text(socket)).replace(/^HTTP\/1\.\d (\d+).*\r\n\r\n/s, '$1 ')
      }

      expect(await ask('/healthz')).toBe('200 {"status":"ok"}')
      expect(await ask('/readyz')).toBe('200 {"status":"ready","queuedWrites":0}')
      expect(await ask('/v2/sessions?limit=0')).toMatch(/^400 .*"limit must be /)
    },
  },
  {
    name: 'a request without the token gets 401',
    async run({ url }) {
      const ask = async (authorization?: string): Promise<unknown[]> => {
        const response = await fetch(`${url}/v1/machines`, {
          headers: authorization ? { authorization } : {},
        })
        return [response.status, await response.json()]
      }

      expect(await ask()).toEqual([401, { error: 'Missing authorization header' }])
      expect(await ask('Bearer wrong')).toEqual([401, { error: 'Invalid token' }])
      expect(await ask('Basic dGVzdA==')).toEqual([401, { error: 'Authentication failed' }])
    },
  },
  {
    name: 'a page of another site is refused, whatever it sends',
    async run({ url }) {
      const send = (headers: Record<string, string>): Promise<number> =>
        statusOf(`${url}/v1/machines`, { authorization: 'Bearer test-token', ...headers }, [
          '{ "id": "of-a-page", "metadata": "" }',
        ])

      expect(await send({ 'sec-fetch-site': 'cross-site' })).toBe(403)
      // As browsers do that do not say where a page is from.
      expect(await send({ origin: 'http://evil.example', 'content-type': 'text/plain' })).toBe(403)
      expect(await send({ origin: 'null', 'content-type': 'text/plain' })).toBe(403)
      expect(await send({ origin: url, 'sec-fetch-site': 'same-origin' })).toBe(200)
    },
  },
  {
    name: 'a route that is none gets 404 as JSON',
    async run(demo) {
      const { status, body } = await demo.request('/v1/nothing')

      expect([status, body]).toEqual([404, { error: 'Not found' }])
    },
  },
  {
    name: 'a method that a path does not take gets 405 with those that it takes, and 401 without the token',
    async run(demo) {
      const ask = async (method: string, path: string): Promise<unknown[]> => {
        const { status, headers, body } = await demo.request(path, undefined, method)
        return [status, headers.get('allow'), body.error]
      }

      expect(await ask('DELETE', '/v1/machines')).toEqual([405, 'POST, GET, HEAD', 'method-not-allowed'])
      expect(await ask('GET', '/v1/presence')).toEqual([405, 'POST', 'method-not-allowed'])
      expect(await ask('PUT', `/v1/machines/${newId()}/revoke`)).toEqual([405, 'POST', 'method-not-allowed'])
      expect(await ask('POST', '/healthz')).toEqual([405, 'GET, HEAD', 'method-not-allowed'])
      expect(await statusOf(`${demo.url}/v1/machines`, {}, [], 'DELETE')).toBe(401)
    },
  },
  {
    name: 'a request that offers HTTP/2, as some clients do with their first one, is answered in HTTP/1.1',
    async run({ url }) {
      const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }
      const headers = { authorization: 'Bearer test-token', ...offer }

      // Without a body: Deno's own server refuses the offer of a request that has one.
      expect(await statusOf(`${url}/v1/machines`, headers, [], 'GET')).toBe(200)
    },
  },
  {
    name: 'a request that offers a WebSocket where there is none is answered as any other',
    async run({ url }) {
      const offer = { connection: 'Upgrade', upgrade: 'websocket' }
      const headers = { authorization: 'Bearer test-token', ...offer }

      const [response] = await once(
        get(`${url}/v1/machines/${newId()}`, { headers, agent: false }),
        'response',
      )

      expect([response.statusCode, await json(response)]).toEqual([404, { error: 'Machine not found' }])
    },
  },
  {
    name: 'what is not there gets 404 with its name',
    async run(demo) {
      const id = newId()
      const report = { key: 'k', sessionId: id, tokens: { total: 1 }, cost: { total: 1 } }

      expect(await brief(demo.request(`/v1/machines/${id}`))).toEqual([404, 'Machine not found'])
      expect(await brief(demo.request(`/v1/machines/${id}/revoke`, {}))).toEqual([404, 'Machine not found'])
      expect(await brief(demo.request(`/v2/sessions/${id}`))).toEqual([404, 'Session not found'])
      expect(await brief(demo.request(`/v1/sessions/${id}/end`, { time: 1 }))).toEqual([
        404,
        'Session not found',
      ])
      expect(await brief(demo.request('/v2/usage-reports', report))).toEqual([404, 'Session not found'])
    },
  },
  {
    name: 'input that does not fit gets 400 with a reason that names the field',
    async run(demo) {
      const beat = { type: 'machine-alive', machineId: 'm', time: 1 }
      const badName = (field: string): string =>
        `${field} must have names of 1 to 200 characters only, without U+0000 and half surrogate pairs`
      const lostName = (field: string): string =>
        `${field} must not have the names __proto__, constructor, prototype`
      const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [n === 0 ? 'total' : `n${n}`, 1]))
      const usage = { key: 'k', sessionId: 's', tokens: { total: 1 }, cost: { total: 1 } }
      const event = { ...usage, externalKey: 'e' }
      const wrong: readonly [route: string, body: unknown, reason: string | RegExp][] = [
        ['/v1/machines', {}, 'id is missing'],
        ['/v1/machines', { id: '', metadata: '' }, 'id must not be empty'],
        ['/v1/machines', { id: 'x'.repeat(201), metadata: '' }, 'id must not have more than 200 characters'],
        ['/v1/machines', { id: 'a\0b', metadata: '' }, 'id must not hold U+0000'],
        ['/v1/machines', { id: 'a', metadata: '\ud800' }, 'metadata must not hold half a surrogate pair'],
        ['/v1/machines', { id: '.', metadata: '' }, 'id must not be . or .., which no path can name'],
        ['/v1/machines', { id: '..', metadata: '' }, 'id must not be . or .., which no path can name'],
        ['/v1/machines', { id: 'a', metadata: 5 }, 'metadata must be string: it is 5'],
        ['/v1/machines', { id: 'a', metadata: '', daemonState: {} }, /^daemonState must be /],
        [
          '/v1/machines',
          { id: 'a', metadata: '', dataEncryptionKey: 'a-key' },
          'dataEncryptionKey must be base64',
        ],
        ['/v1/machines', 'text', /^the body must be Object/],
        ['/v1/sessions', { metadata: '' }, 'tag is missing'],
        ['/v1/sessions/x/end', { time: 1.5 }, 'time must be a whole number of milliseconds since the epoch'],
        ['/v1/presence', { heartbeats: {} }, /^heartbeats must be Array/],
        [
          '/v1/presence',
          { heartbeats: [beat, { ...beat, time: '1' }] },
          /^heartbeats\.1\.time must be number/,
        ],
        [
          '/v1/presence',
          { heartbeats: [{ ...beat, type: 'x' }] },
          /^heartbeats\.0\.type must be "session-alive"/,
        ],
        [
          '/v1/presence',
          { heartbeats: [{ type: 'session-alive', sid: 's', time: 1, mode: 'x'.repeat(201) }] },
          'heartbeats.0.mode must not have more than 200 characters',
        ],
        ['/v2/usage-reports', { ...usage, tokens: {} }, 'tokens.total is missing'],
        ['/v2/usage-reports', { ...usage, cost: { total: 1, input: '1' } }, /^cost\.input must be number/],
        ['/v2/usage-reports', { ...usage, cost: { total: -1 } }, 'cost.total must not be negative'],
        ['/v2/usage-reports', { ...usage, tokens: { total: 1, 'a\0b': 1 } }, badName('tokens')],
        ['/v2/usage-reports', { ...usage, cost: { total: 1, '\ud800': 1 } }, badName('cost')],
        ['/v2/usage-reports', { ...usage, cost: { total: 1, constructor: 1 } }, lostName('cost')],
        [
          '/v2/usage-events',
          { ...event, tokens: JSON.parse('{ "total": 1, "__proto__": 1 }') },
          lostName('tokens'),
        ],
        ['/v2/usage-events', { ...event, tokens: null }, /^tokens must be Object: it is null/],
        ['/v2/usage-events', { externalKey: 'e', sessionId: 's', cost: usage.cost }, 'tokens is missing'],
        ['/v2/usage-events', { ...event, tokens: { total: 1, '': 1 } }, badName('tokens')],
        ['/v2/usage-events', { ...event, cost: { total: 1, ['x'.repeat(201)]: 1 } }, badName('cost')],
        ['/v2/usage-events', { ...event, cost: many }, 'cost must not have more than 100 names'],
        ['/v1/usage/query', { groupBy: 'week' }, 'groupBy must be "hour" | "day": it is another text'],
        ['/v1/usage/query', { startTime: Date.now() }, 'startTime must be in seconds, not in milliseconds'],
        ['/v2/sessions?limit=0', undefined, 'limit must be a whole number from 1 to 200'],
        ['/v2/sessions?limit=201', undefined, 'limit must be a whole number from 1 to 200'],
        ['/v2/sessions?limit=ten', undefined, 'limit must be a whole number from 1 to 200'],
        ['/v2/sessions?cursor=x', undefined, 'cursor must be the nextCursor of another page'],
        ['/v2/sessions?cursor=cursor_v1_x', undefined, 'cursor must be the nextCursor of another page'],
        ['/v2/sessions/active?limit=501', undefined, 'limit must be a whole number from 1 to 500'],
        ['/v1/machines/a%00b', undefined, 'id must not hold U+0000'],
      ]
      for (const [route, body, reason] of wrong) {
        const answer = await demo.request(route, body)
        expect([answer.status, answer.body.error], `${route} ${reason}`).toEqual([400, 'invalid-params'])
        if (typeof reason === 'string') expect(answer.body.reason).toBe(reason)
        else expect(answer.body.reason).toMatch(reason)
      }
    },
  },
  {
    name: 'a body that is no JSON gets 400',
    async run({ url }) {
      const headers = { authorization: 'Bearer test-token' }

      expect(await statusOf(`${url}/v1/machines`, headers, ['{ "id": '])).toBe(400)
      expect(await statusOf(`${url}/v1/machines`, headers, [])).toBe(400)
    },
  },
  {
    name: 'a body of more than 1 MB gets 413, with or without its length in the head, and one of less does not',
    async run({ url }) {
      const json = (size: number): string => JSON.stringify({ id: newId(), metadata: 'x'.repeat(size) })
      const send = (body: string, head: Record<string, string>): Promise<number> =>
        statusOf(`${url}/v1/machines`, { authorization: 'Bearer test-token', ...head }, [
          body.slice(0, 9),
          body.slice(9),
        ])
      const withLength = (body: string): Promise<number> => send(body, { 'content-length': `${body.length}` })
      const inChunks = (body: string): Promise<number> => send(body, { 'transfer-encoding': 'chunked' })

      expect(await withLength(json(1_048_576))).toBe(413)
      expect(await inChunks(json(1_048_576))).toBe(413)
      expect(await withLength(json(1_000_000))).toBe(200)
      expect(await inChunks(json(1_000_000))).toBe(200)
    },
  },
  {
    name: 'what is asked after a body that nobody read is answered, on the same connection too',
    keepsConnection: true,
    async run({ url }) {
      const headers = { authorization: 'Bearer test-token' }
      const statusAt = async (path: string, body?: string): Promise<number> => {
        const response = await fetch(
          `${url}${path}`,
          body === undefined ? { headers } : { method: 'POST', headers, body },
        )
        await response.arrayBuffer()
        return response.status
      }
      const statuses: number[] = []
      for (let round = 0; round < 4; round++) {
        statuses.push(await statusAt('/v1/machines', 'x'.repeat(1_100_000)))
        statuses.push(await statusAt('/v1/nothing', 'x'.repeat(900_000)), await statusAt('/v1/machines'))
      }
      expect(statuses).toEqual(Array.from({ length: 4 }, () => [413, 404, 200]).flat())
    },
  },
]
