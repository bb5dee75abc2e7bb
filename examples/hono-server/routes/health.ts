/**
 * For load balancers and supervisors, who have no token; and the figures, for those who have it.
 *
 * @module
 */
import { type Context, Hono } from 'hono'
import { metricsText, metricsType } from '../metrics.ts'
import type { Services } from '../services.ts'

/** `GET /healthz` touches no database. */
export function livenessRoutes(): Hono {
  const app = new Hono()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  return app
}

/** The answer of `GET /readyz` where the database is not to be had. */
export function notReady(c: Context): Response {
  return c.json({ status: 'unavailable' }, 503)
}

/** The same, and `GET /readyz`, which asks the database. */
export function healthRoutes({ storage, lostFiles }: Services): Hono {
  const app = livenessRoutes()
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
      return notReady(c)
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
