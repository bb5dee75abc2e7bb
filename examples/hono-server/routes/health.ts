/**
 * For load balancers and supervisors, who have no token; and the figures, for those who have it.
 *
 * @module
 */
import { Hono } from 'hono'
import { metricsText, metricsType } from '../metrics.ts'
import type { Services } from '../services.ts'

/** `GET /healthz` touches no database, `GET /readyz` asks it. */
export function healthRoutes({ storage, lostFiles }: Services): Hono {
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    try {
      await storage.db
        .selectFrom('machine')
        .select('id')
        .limit(1)
        .execute({ signal: AbortSignal.timeout(2_000) })
      return c.json({ status: 'ready', queuedWrites: storage.stats().queuedWrites })
    } catch (error) {
      lostFiles.notice(error)
      console.error('GET /readyz failed:', error)
      return c.json({ status: 'unavailable' }, 503)
    }
  })
  return app
}

/** `GET /metrics` in the text format of Prometheus. */
export function metricsRoutes(services: Services): Hono {
  const app = new Hono()
  app.get('/metrics', (c) => c.body(metricsText(services.figures()), 200, { 'content-type': metricsType }))
  return app
}
