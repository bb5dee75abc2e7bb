/**
 * The app: who may ask, how much, and which routes there are. It runs wherever Hono does; only how a WebSocket begins and
 * where the page's files are is the runtime's.
 *
 * @module
 */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { UpgradeWebSocket } from 'hono/ws'
import { PageAccess, refuseOtherSites, requireTokenOrCookie } from './auth.ts'
import { failureResponse } from './failures.ts'
import { healthRoutes, metricsRoutes } from './routes/health.ts'
import { liveRoutes } from './routes/live.ts'
import { machineRoutes } from './routes/machines.ts'
import { notFound } from './routes/not-found.ts'
import { pageRoutes, type ReadPage } from './routes/page.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { usageRoutes } from './routes/usage.ts'
import type { Services } from './services.ts'

/** What the app works with. */
export interface AppOptions {
  readonly services: Services
  /** The bearer token that every request but the health checks must have; none is asked for if it is absent. */
  readonly token?: string | undefined
  /** Of the runtime. */
  readonly upgradeWebSocket: UpgradeWebSocket
  /** Of the runtime. */
  readonly readPage: ReadPage
}

const maxBodyBytes = 1024 * 1024

/** Makes the app. */
export function createApp({ services, token, upgradeWebSocket, readPage }: AppOptions): Hono {
  const app = new Hono()
  app.onError((error, c) => failureResponse(error, c))
  app.notFound((c) => notFound(c, 'Not found'))
  app.route('/', healthRoutes(services))

  const tooLarge = {
    error: 'body-too-large',
    reason: `the body must not be larger than ${maxBodyBytes} bytes`,
  }
  const access = token === undefined ? undefined : new PageAccess(token)
  app.use(refuseOtherSites)
  app.use('/', bodyLimit({ maxSize: 4_096 }))
  app.route('/', pageRoutes(access, readPage))
  if (token !== undefined && access !== undefined) app.use(requireTokenOrCookie(token, access))
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: (c) => c.json(tooLarge, 413) }))

  app.route('/', machineRoutes(services))
  app.route('/', sessionRoutes(services))
  app.route('/', usageRoutes(services))
  app.route('/', liveRoutes(services, upgradeWebSocket))
  app.route('/', metricsRoutes(services))
  return app
}
