/**
 * The app: who may ask, how much, and which routes there are. It runs wherever Hono does; only how a WebSocket begins and
 * where the page's files are is the runtime's.
 *
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { methodNotAllowed } from 'hono/method-not-allowed'
import type { UpgradeWebSocket } from 'hono/ws'
import { PageAccess, requireTokenOrCookie } from './auth.ts'
import { failureResponse } from './failures.ts'
import { refuseOtherNames, refuseOtherSites } from './other-sites.ts'
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

/** Makes the app. */
export function createApp({ services, token, upgradeWebSocket, readPage }: AppOptions): Hono {
  const app = new Hono()
  app.onError((error, c) => {
    services.lostFiles.notice(error)
    return failureResponse(error, c)
  })
  app.notFound((c) => notFound(c, 'Not found'))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: otherMethods }))
  app.route('/', healthRoutes(services))

  const access = token === undefined ? undefined : new PageAccess(token)
  app.use(refuseOtherSites)
  if (token === undefined) app.use(refuseOtherNames)
  app.use('/', bodyAtMost(4_096))
  app.route('/', pageRoutes(access, readPage))
  if (token !== undefined && access !== undefined) app.use(requireTokenOrCookie(token, access))
  app.use(bodyAtMost(1024 * 1024))

  app.route('/', machineRoutes(services))
  app.route('/', sessionRoutes(services))
  app.route('/', usageRoutes(services))
  app.route('/', liveRoutes(services, upgradeWebSocket))
  app.route('/', metricsRoutes(services))
  return app
}

function bodyAtMost(maxBytes: number): MiddlewareHandler {
  const reason = `the body must not be larger than ${maxBytes} bytes`
  return bodyLimit({ maxSize: maxBytes, onError: (c) => c.json({ error: 'body-too-large', reason }, 413) })
}

/** The path is right, the method is not. */
function otherMethods(c: Context, methods: readonly string[]): Response {
  const allow = methods.join(', ')
  return c.json({ error: 'method-not-allowed', reason: `this path takes ${allow}` }, 405, { allow })
}
