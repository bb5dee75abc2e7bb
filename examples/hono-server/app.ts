/**
 * The routes. Each reads its input, calls one repository function, and shapes the answer; what fails ends in `failures.ts`.
 *
 * @module
 */
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Storage } from 'unbusy'
import { refuseOtherSites, requireToken } from './auth.ts'
import { failureResponse } from './failures.ts'
import * as inputs from './inputs.ts'
import { recordPresence } from './presence.ts'
import * as machines from './repositories/machines.ts'
import * as sessions from './repositories/sessions.ts'
import * as usage from './repositories/usage.ts'
import type { Database } from './schema.ts'
import { bodyOf, InvalidParamsError, idOf, queryOf } from './validation.ts'
import { activeForMs, machineView, sessionView } from './views.ts'

/** How long a request may wait for the write lock, in milliseconds. Clients give up after 10 s. */
export interface Budgets {
  /** @default {8_000} */
  readonly registrationMs: number
  /** Short, as the next heartbeat comes soon. @default {2_000} */
  readonly presenceMs: number
}

/** What the app works with. */
export interface AppOptions {
  readonly storage: Storage<Database>
  /** The bearer token that every request but the health checks must have; none is asked for if it is absent. */
  readonly token?: string | undefined
  readonly budgets?: Budgets
}

const maxBodyBytes = 1024 * 1024
const bucketMs = { hour: 3_600_000, day: 86_400_000 } as const

/** Makes the app; it runs wherever Hono does. */
export function createApp({ storage, token, budgets }: AppOptions): Hono {
  const { registrationMs, presenceMs } = budgets ?? { registrationMs: 8_000, presenceMs: 2_000 }
  const { db } = storage
  const app = new Hono()
  app.onError((error, c) => failureResponse(error, c))
  app.notFound((c) => notFound(c, 'Not found'))

  // Those who ask these have no token: load balancers, supervisors.
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    try {
      await db
        .selectFrom('machine')
        .select('id')
        .limit(1)
        .execute({ signal: AbortSignal.timeout(2_000) })
      return c.json({ status: 'ready', queuedWrites: storage.stats().queuedWrites })
    } catch (error) {
      console.error('GET /readyz failed:', error)
      return c.json({ status: 'unavailable' }, 503)
    }
  })

  app.use(refuseOtherSites)
  if (token !== undefined) app.use(requireToken(token))
  const tooLarge = {
    error: 'body-too-large',
    reason: `the body must not be larger than ${maxBodyBytes} bytes`,
  }
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: (c) => c.json(tooLarge, 413) }))

  app.post('/v1/machines', async (c) => {
    const registration = await bodyOf(c, inputs.registrationBody)
    const wait = { lockTimeoutMs: registrationMs }
    const machine = await machines.registerMachine(storage, registration, Date.now(), wait)
    if (machine.revoked_at !== null) return c.json({ error: 'machine_revoked' }, 410)
    return c.json({ machine: machineView(machine) })
  })
  app.get('/v1/machines', async (c) => c.json((await machines.listMachines(db)).map(machineView)))
  app.get('/v1/machines/:id', async (c) => {
    const machine = await machines.findMachine(db, idOf(c))
    return machine ? c.json({ machine: machineView(machine) }) : notFound(c, 'Machine not found')
  })
  app.post('/v1/machines/:id/revoke', async (c) => {
    const machine = await machines.revokeMachine(db, idOf(c), Date.now())
    return machine ? c.json({ machine: machineView(machine) }) : notFound(c, 'Machine not found')
  })

  app.post('/v1/sessions', async (c) => {
    const session = await sessions.openSession(db, await bodyOf(c, inputs.newSessionBody), Date.now())
    return c.json({ session: sessionView(session) })
  })
  app.get('/v1/sessions', async (c) => {
    return c.json({ sessions: (await sessions.listSessions(db, 150)).map(sessionView) })
  })
  app.get('/v2/sessions', async (c) => {
    const { cursor, limit } = queryOf(c, inputs.pageQuery)
    const after = cursor === undefined ? undefined : await sessions.findSession(db, cursor)
    if (cursor !== undefined && after === undefined)
      throw new InvalidParamsError('cursor must be the nextCursor of another page')
    const page = await sessions.pageSessions(db, { after, limit })
    return c.json({
      sessions: page.sessions.map(sessionView),
      nextCursor: page.hasNext ? `cursor_v1_${page.sessions.at(-1)?.id}` : null,
      hasNext: page.hasNext,
    })
  })
  app.get('/v2/sessions/active', async (c) => {
    const { limit } = queryOf(c, inputs.activeQuery)
    const active = await sessions.listActiveSessions(db, Date.now() - activeForMs, limit)
    return c.json({ sessions: active.map(sessionView) })
  })
  app.get('/v2/sessions/:id', async (c) => {
    const session = await sessions.findSession(db, idOf(c))
    return session ? c.json({ session: sessionView(session) }) : notFound(c, 'Session not found')
  })
  app.post('/v1/sessions/:id/end', async (c) => {
    const { time } = await bodyOf(c, inputs.sessionEndBody)
    const nowMs = Date.now()
    const session = await sessions.endSession(db, idOf(c), Math.min(time, nowMs), nowMs)
    return session ? c.json({ session: sessionView(session) }) : notFound(c, 'Session not found')
  })

  app.post('/v1/presence', async (c) => {
    const { heartbeats } = await bodyOf(c, inputs.presenceBody)
    return c.json(await recordPresence(storage, heartbeats, Date.now(), { lockTimeoutMs: presenceMs }))
  })

  app.post('/v2/usage-reports', async (c) => {
    const report = await usage.saveUsageReport(db, await bodyOf(c, inputs.usageReportBody), Date.now())
    if (report === undefined) return notFound(c, 'Session not found')
    return c.json({
      success: true,
      reportId: report.id,
      createdAt: report.created_at,
      updatedAt: report.updated_at,
    })
  })
  app.post('/v1/usage/query', async (c) => {
    const { sessionId, startTime, endTime, groupBy } = await bodyOf(c, inputs.usageQueryBody)
    const range = { fromMs: startTime * 1_000, toMs: endTime * 1_000 + 999 }
    const buckets = await usage.sumUsage(db, { sessionId, ...range, bucketMs: bucketMs[groupBy] })
    return c.json({
      usage: buckets.map(({ startMs, ...sums }) => ({ timestamp: startMs / 1_000, ...sums })),
      groupBy,
      totalReports: buckets.reduce((count, { reportCount }) => count + reportCount, 0),
    })
  })
  return app
}

function notFound(c: Context, error: string): Response {
  return c.json({ error }, 404)
}
