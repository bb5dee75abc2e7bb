/**
 * What the routes of sessions answer.
 *
 * @module
 */
import { expect } from 'vitest'
import { afterThisMillisecond, newId, newSession, type RouteCase } from './route-case.ts'

export const sessionCases: readonly RouteCase[] = [
  {
    name: 'POST /v1/sessions is idempotent by tag, at once as well',
    async run(demo) {
      const tag = newId()
      const many = await Promise.all(
        Array.from({ length: 10 }, () =>
          demo.request('/v1/sessions', { tag, metadata: 'm', agentState: 'a' }),
        ),
      )
      const later = await demo.request('/v1/sessions', { tag, metadata: 'other' })

      expect(later.body.session).toMatchObject({
        tag,
        metadata: 'm',
        metadataVersion: 1,
        agentStateVersion: 1,
      })
      expect(later.body.session).toMatchObject({ active: true, endedAt: null, seq: 0 })
      for (const { status, body } of many) expect([status, body]).toEqual([200, later.body])
      expect((await demo.request(`/v2/sessions/${later.body.session.id}`)).body).toEqual(later.body)
    },
  },
  {
    name: 'POST /v1/sessions/:id/end ends once, and not in the future',
    async run(demo) {
      const id = await newSession(demo)
      const ended = await demo.request(`/v1/sessions/${id}/end`, { time: Date.now() + 3_600_000 })
      const again = await demo.request(`/v1/sessions/${id}/end`, { time: 1 })

      expect(ended.body.session).toMatchObject({ id, active: false, seq: 1 })
      expect(ended.body.session.endedAt).toBeLessThanOrEqual(Date.now())
      expect(again.body).toEqual(ended.body)
    },
  },
  {
    name: 'a session does not end before it began, by whatever clock it is ended',
    async run(demo) {
      const [one, other] = [await newSession(demo), await newSession(demo)]
      const { session } = (await demo.request(`/v1/sessions/${one}/end`, { time: 1 })).body
      await afterThisMillisecond()
      const heartbeats = [{ type: 'session-end', sid: other, time: Date.now() - 60_000 }]
      await demo.request('/v1/presence', { heartbeats })
      const ended = (await demo.request(`/v2/sessions/${other}`)).body.session

      expect(session.endedAt).toBe(session.createdAt)
      expect(ended.endedAt).toBe(ended.createdAt)
    },
  },
  {
    name: 'GET /v1/sessions lists, the last changed one first',
    async run(demo) {
      const ids = [await newSession(demo), await newSession(demo)]
      await afterThisMillisecond()
      await demo.request(`/v1/sessions/${ids[0]}/end`, { time: Date.now() })
      const { body } = await demo.request('/v1/sessions')

      const updatedAts = body.sessions.map(({ updatedAt }: { updatedAt: number }) => updatedAt)
      expect(updatedAts).toEqual(updatedAts.toSorted((a: number, b: number) => b - a))
      expect(body.sessions[0].id).toBe(ids[0])
    },
  },
  {
    name: 'GET /v2/sessions pages through all sessions, each one once',
    async run(demo) {
      const made = new Set<string>()
      for (let count = 0; count < 5; count++) made.add(await newSession(demo))
      const seen: string[] = []
      let query = '?limit=2'
      for (let pages = 0; pages < 100; pages++) {
        const { body } = await demo.request(`/v2/sessions${query}`)
        seen.push(...body.sessions.map(({ id }: { id: string }) => id))
        // What is opened meanwhile is newer than every page that is still to come.
        await newSession(demo)
        expect(body.hasNext).toBe(body.nextCursor !== null)
        if (!body.hasNext) break
        expect(body.nextCursor).toBe(`cursor_v1_${seen.at(-1)}`)
        query = `?limit=2&cursor=${body.nextCursor}`
      }

      expect(new Set(seen).size).toBe(seen.length)
      expect([...made].filter((id) => !seen.includes(id))).toEqual([])
    },
  },
  {
    name: 'GET /v2/sessions/active has the open ones only',
    async run(demo) {
      const [open, ended] = [await newSession(demo), await newSession(demo)]
      await demo.request(`/v1/sessions/${ended}/end`, { time: Date.now() })
      const { body } = await demo.request('/v2/sessions/active?limit=500')

      const ids = body.sessions.map(({ id }: { id: string }) => id)
      expect([ids.includes(open), ids.includes(ended)]).toEqual([true, false])
      expect((await demo.request('/v2/sessions/active?limit=1')).body.sessions).toHaveLength(1)
    },
  },
]
