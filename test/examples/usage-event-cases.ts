/**
 * Usage events: answered before they are stored, and stored once.
 *
 * @module
 */
import { holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { brief, newId, newSession, type RouteCase, untilStored } from './route-case.ts'

/** `USAGE_QUEUE_CAPACITY` of the shared server. */
export const usageCapacity = 20

export const usageEventCases: readonly RouteCase[] = [
  {
    name: 'POST /v2/usage-events stores the same externalKey once, the first one wins, and stamps with the request',
    needsFile: true,
    async run(demo) {
      const sessionId = await newSession(demo)
      const event = (externalKey: string, total: number): object => ({
        externalKey,
        sessionId,
        tokens: { total },
        cost: { total: 0.5 },
      })
      const [key, other] = [newId(), newId()]
      const startMs = Date.now()
      const answers = [
        await demo.request('/v2/usage-events', event(key, 1)),
        await demo.request('/v2/usage-events', event(key, 2)),
        await demo.request('/v2/usage-events', { ...event(other, 3), time: startMs + 3_600_000 }),
      ]
      const endMs = Date.now()

      for (const { status, body } of answers) expect([status, body]).toEqual([202, { accepted: true }])
      const rows = await untilStored(
        demo,
        `select time, tokens from usage_event where session_id = '${sessionId}' order by rowid`,
        (stored) => stored.length === 2,
      )
      expect(rows.map(({ tokens }) => tokens)).toEqual(['{"total":1}', '{"total":3}'])
      for (const { time } of rows) {
        expect(time).toBeGreaterThanOrEqual(startMs)
        expect(time).toBeLessThanOrEqual(endMs)
      }
      // Again, now that it is stored.
      await demo.request('/v2/usage-events', event(key, 9))
      const { body } = await demo.request('/v1/usage/query', { sessionId })
      expect(body).toMatchObject({ totalReports: 2, usage: [{ tokens: { total: 4 }, cost: { total: 1 } }] })
    },
  },
  {
    name: 'POST /v2/usage-events of no session gets 404, and what does not fit 400',
    async run(demo) {
      const event = { externalKey: 'e', sessionId: newId(), tokens: { total: 1 }, cost: { total: 1 } }

      expect(await brief(demo.request('/v2/usage-events', event))).toEqual([404, 'Session not found'])
      const { status, body } = await demo.request('/v2/usage-events', { ...event, externalKey: '' })
      expect([status, body.reason]).toEqual([400, 'externalKey must not be empty'])
    },
  },
  {
    name: 'POST /v2/usage-events beyond the capacity gets 503 with the reason, is counted, and what was taken is stored',
    needsFile: true,
    async run(demo) {
      const sessionId = await newSession(demo)
      const send = () =>
        demo.request('/v2/usage-events', {
          externalKey: newId(),
          sessionId,
          tokens: { total: 1 },
          cost: { total: 0 },
        })
      const figure = async (pattern: RegExp): Promise<number> =>
        Number(pattern.exec((await demo.request('/metrics')).body)?.[1])
      const pending = (): Promise<number> => figure(/^demo_usage_events_pending (\d+)$/m)
      const dropped = (): Promise<number> =>
        figure(/^demo_usage_events_dropped_total\{reason="full"\} (\d+)$/m)
      await expect.poll(pending).toBe(0)
      const droppedBefore = await dropped()
      const answers = []
      {
        await using _lock = await holdLock(demo.path, 20_000)
        for (let count = 0; count < usageCapacity + 5; count++) answers.push(await send())
      }

      const refused = answers.filter(({ status }) => status !== 202)
      expect(refused).toHaveLength(5)
      for (const { status, body, headers } of refused) {
        expect([status, body.error, headers.get('retry-after')]).toEqual([503, 'overloaded', '1'])
        expect(body.reason).toContain('too many events wait')
      }
      expect((await dropped()) - droppedBefore).toBe(5)
      const count = `select count(*) as n from usage_event where session_id = '${sessionId}'`
      await untilStored(demo, count, ([row]) => row?.n === usageCapacity)
    },
  },
]
