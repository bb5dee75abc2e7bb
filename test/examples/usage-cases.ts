/**
 * What the routes of usage reports answer.
 *
 * @module
 */
import { expect } from 'vitest'
import { newSession, type RouteCase } from './route-case.ts'

export const usageCases: readonly RouteCase[] = [
  {
    name: 'POST /v2/usage-reports keeps one report per session and key',
    async run(demo) {
      const sessionId = await newSession(demo)
      const report = { key: 'k', sessionId, tokens: { total: 10, input: 4 }, cost: { total: 0.5 } }
      const first = await demo.request('/v2/usage-reports', report)
      const second = await demo.request('/v2/usage-reports', { ...report, tokens: { total: 30 } })
      const other = await demo.request('/v2/usage-reports', {
        ...report,
        key: 'other',
        cost: { total: 0.25 },
      })

      expect(first.body).toMatchObject({ success: true, createdAt: expect.any(Number) })
      expect(second.body.reportId).toBe(first.body.reportId)
      expect(second.body.createdAt).toBe(first.body.createdAt)
      expect(other.body.reportId).not.toBe(first.body.reportId)
      const { body } = await demo.request('/v1/usage/query', { sessionId, groupBy: 'hour' })
      const timestamp = Math.floor(first.body.createdAt / 3_600_000) * 3_600
      expect(body).toEqual({
        usage: [{ timestamp, tokens: { total: 40, input: 4 }, cost: { total: 0.75 }, reportCount: 2 }],
        groupBy: 'hour',
        totalReports: 2,
      })
    },
  },
  {
    name: 'POST /v1/usage/query counts by day unless told otherwise, and within the times asked for',
    async run(demo) {
      const sessionId = await newSession(demo)
      const report = { key: 'k', sessionId, tokens: { total: 1 }, cost: { total: 0 } }
      const { createdAt } = (await demo.request('/v2/usage-reports', report)).body
      const second = Math.floor(createdAt / 1_000)
      const ask = async (times: object): Promise<unknown> =>
        (await demo.request('/v1/usage/query', { sessionId, ...times })).body

      const day = [
        { timestamp: second - (second % 86_400), tokens: { total: 1 }, cost: { total: 0 }, reportCount: 1 },
      ]
      expect(await ask({})).toEqual({ usage: day, groupBy: 'day', totalReports: 1 })
      expect(await ask({ startTime: second, endTime: second })).toMatchObject({ totalReports: 1 })
      const none = { usage: [], groupBy: 'day', totalReports: 0 }
      expect(await ask({ startTime: second + 1 })).toEqual(none)
      expect(await ask({ endTime: second - 1 })).toEqual(none)
    },
  },
  {
    name: 'sums beyond 2^53 are answered, not failed on',
    async run(demo) {
      const sessionId = await newSession(demo)
      for (const key of ['a', 'b']) {
        const tokens = { total: Number.MAX_SAFE_INTEGER }
        await demo.request('/v2/usage-reports', { key, sessionId, tokens, cost: { total: 1 } })
      }
      const { body } = await demo.request('/v1/usage/query', { sessionId })

      expect(body.usage[0].tokens.total).toBeCloseTo(2 ** 54, -2)
    },
  },
]
