/**
 * Usage: awaited reports, events that are stored later, and sums of both.
 *
 * @module
 */
import { Hono } from 'hono'
import { tryAgain } from '../failures.ts'
import * as inputs from '../inputs.ts'
import type { Services } from '../services.ts'
import { bodyOf } from '../validation.ts'
import { notFound } from './not-found.ts'

const bucketMs = { hour: 3_600_000, day: 86_400_000 } as const

/** The routes of usage. */
export function usageRoutes({ usage, presence, hub }: Services): Hono {
  const app = new Hono()

  app.post('/v2/usage-reports', async (c) => {
    const report = await bodyOf(c, inputs.usageReportBody)
    const nowMs = Date.now()
    const stored = await usage.saveReport(report, nowMs)
    if (stored === undefined) return notFound(c, 'Session not found')
    const { key, sessionId: id, tokens, cost } = report
    hub.publish({ event: 'ephemeral', data: { type: 'usage', id, key, tokens, cost, timestamp: nowMs } })
    return c.json({
      success: true,
      reportId: stored.id,
      createdAt: stored.created_at,
      updatedAt: stored.updated_at,
    })
  })

  app.post('/v2/usage-events', async (c) => {
    const event = await bodyOf(c, inputs.usageEventBody)
    const nowMs = Date.now()
    const { externalKey: key, sessionId: id, tokens, cost } = event
    // One look-up for a session that is not known yet; after that, no event touches the database here.
    await presence.sessions.lookUp([id], nowMs)
    if (presence.sessions.directory.get(id) === undefined) return notFound(c, 'Session not found')
    const result = usage.addEvent(event, nowMs)
    if (!result.accepted) {
      const isFull = result.reason === 'full'
      const reason = isFull ? 'too many events wait to be stored' : 'the server is stopping'
      return tryAgain(c, isFull ? 'overloaded' : 'closing', `${reason}; this one was not taken`)
    }
    hub.publish({ event: 'ephemeral', data: { type: 'usage', id, key, tokens, cost, timestamp: nowMs } })
    return c.json({ accepted: true }, 202)
  })

  app.post('/v1/usage/query', async (c) => {
    const { sessionId, startTime, endTime, groupBy } = await bodyOf(c, inputs.usageQueryBody)
    const range = { fromMs: startTime * 1_000, toMs: endTime * 1_000 + 999 }
    const buckets = await usage.sum({ sessionId, ...range, bucketMs: bucketMs[groupBy] })
    return c.json({
      usage: buckets.map(({ startMs, ...sums }) => ({ timestamp: startMs / 1_000, ...sums })),
      groupBy,
      totalReports: buckets.reduce((count, { reportCount }) => count + reportCount, 0),
    })
  })
  return app
}
