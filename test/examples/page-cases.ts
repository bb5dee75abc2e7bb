/**
 * The page, who may see it, and the figures.
 *
 * @module
 */
import { expect } from 'vitest'
import WebSocket from 'ws'
import { demoToken } from './demo-server.ts'
import { newSession, type RouteCase, statusOf } from './route-case.ts'
import { watchEvents } from './watcher.ts'

/** How the server answers the opening of a WebSocket; one that it accepts is closed again. */
function upgradeStatus(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/updates`, { headers })
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (request, { statusCode }) => {
      request.destroy()
      resolve(statusCode)
    })
    // Bun's has no 'unexpected-response': the status is in the message.
    socket.on('error', (error) => {
      const status = /\b[45]\d\d\b/.exec(error.message)?.[0]
      if (status === undefined) reject(error)
      else resolve(Number(status))
    })
  })
}

export const pageCases: readonly RouteCase[] = [
  {
    name: 'GET / asks for the token, and answers who entered it with a page that needs nothing from elsewhere',
    async run({ url }) {
      const signIn = (token: string): Promise<Response> =>
        fetch(url, { method: 'POST', body: new URLSearchParams({ token }), redirect: 'manual' })
      const stranger = await fetch(url)
      expect(stranger.status).toBe(401)
      const question = await stranger.text()
      expect(question).toContain('<form method="post"')
      const refusal = await signIn('wrong')
      expect(refusal.status).toBe(401)
      const alert = / role="alert">This is not the token/
      expect([alert.test(question), alert.test(await refusal.text())]).toEqual([false, true])

      const welcome = await signIn(demoToken)
      expect([welcome.status, welcome.headers.get('location')]).toEqual([303, '/'])
      const setCookie = welcome.headers.get('set-cookie') ?? ''
      expect(setCookie).toMatch(/HttpOnly; SameSite=Strict/)
      expect(setCookie).not.toContain(demoToken)

      const cookie = setCookie.split(';')[0] as string
      const page = await fetch(url, { headers: { cookie } })
      const html = await page.text()
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
      for (const file of ['/live.css', '/live.js']) {
        expect(html).toContain(file)
        const response = await fetch(`${url}${file}`)
        expect(response.status).toBe(200)
        expect((await response.text()).length).toBeGreaterThan(500)
      }

      expect((await fetch(`${url}/v1/machines`, { headers: { cookie } })).status).toBe(200)
      const write = { method: 'POST', headers: { cookie }, body: '{ "id": "a", "metadata": "" }' }
      expect((await fetch(`${url}/v1/machines`, write)).status).toBe(401)
      expect((await fetch(`${url}/v1/machines`, { headers: { cookie: `${cookie}0` } })).status).toBe(401)
    },
  },
  {
    name: 'POST / with what is no form gets 400, and with too much 413, as JSON',
    async run({ url }) {
      const post = async (body: string): Promise<unknown[]> => {
        // Workerd hangs up on whoever sent more than it read: nobody else may get that connection.
        const headers = { 'content-type': 'multipart/form-data', connection: 'close' }
        const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' })
        return [response.status, ((await response.json()) as { error: string }).error]
      }

      expect(await post('no boundary')).toEqual([400, 'invalid-params'])
      expect(await post('x'.repeat(5_000))).toEqual([413, 'body-too-large'])
    },
  },
  {
    name: 'events and the WebSocket are not for strangers, nor is the WebSocket for the pages of others',
    async run({ url }) {
      for (const path of ['/v1/events', '/v1/updates', '/metrics'])
        expect((await fetch(`${url}${path}`)).status).toBe(401)

      const upgrade = {
        authorization: `Bearer ${demoToken}`,
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': btoa('0123456789abcdef'),
        'sec-websocket-version': '13',
        origin: 'http://evil.example',
      }
      expect(await statusOf(`${url}/v1/updates`, upgrade, [], 'GET')).toBe(403)
    },
  },
  {
    name: 'the cookie opens the WebSocket only for a page of this server, which says so: one can write over it',
    async run({ url }) {
      const body = new URLSearchParams({ token: demoToken })
      const welcome = await fetch(url, { method: 'POST', body, redirect: 'manual' })
      const cookie = welcome.headers.get('set-cookie')?.split(';')[0] as string

      expect(await upgradeStatus(url, { cookie, origin: url })).toBe(101)
      expect(await upgradeStatus(url, { cookie })).toBe(401)
      expect(await upgradeStatus(url, { cookie, origin: 'http://127.0.0.1:1' })).toBe(403)
      expect(await upgradeStatus(url, { authorization: `Bearer ${demoToken}` })).toBe(101)
    },
  },
  {
    name: 'GET /metrics answers Prometheus text whose figures move',
    async run(demo) {
      const read = async (): Promise<ReadonlyMap<string, number>> => {
        const { status, body, headers } = await demo.request('/metrics')
        expect([status, headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/plain/)])
        const lines = body.split('\n').filter((line: string) => line !== '' && !line.startsWith('#'))
        return new Map(
          lines.map((line: string) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]),
        )
      }
      await using _watcher = await watchEvents(demo)
      const before = await read()
      await newSession(demo)
      const after = await read()

      for (const name of [
        'unbusy_queued_writes{lane="control"}',
        'unbusy_lock_attempts_total',
        'unbusy_largest_group',
        'demo_presence_pending{of="session"}',
        'demo_presence_flushes_total{of="machine"}',
        'demo_usage_events_stored_total',
        'demo_usage_events_dropped_total{reason="full"}',
        'demo_event_slow_clients_total',
      ])
        expect(after.get(name), name).toEqual(expect.any(Number))
      const cycles = 'unbusy_lock_cycles_total'
      expect(after.get(cycles)).toBeGreaterThan(before.get(cycles) as number)
      expect(after.get('demo_event_clients')).toBeGreaterThanOrEqual(1)
    },
  },
]
