/**
 * What a server answers that has no database, not yet or not any more: it is alive, and not ready.
 *
 * @module
 */
import { Hono } from 'hono'
import { tryAgain } from './failures.ts'
import { livenessRoutes, notReady } from './routes/health.ts'

/** The app in place of the real one. */
export function unavailableApp(): Hono {
  const app = new Hono()
  app.route('/', livenessRoutes())
  app.get('/readyz', notReady)
  app.all('*', (c) => tryAgain(c, 'unavailable', 'the database cannot be reached; nothing was stored'))
  return app
}
