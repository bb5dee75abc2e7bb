/**
 * Sessions: opening, reading, ending.
 *
 * @module
 */
import { Hono } from 'hono'
import { updateOf } from '../events.ts'
import * as inputs from '../inputs.ts'
import type { SessionRow } from '../schema.ts'
import type { Services } from '../services.ts'
import { bodyOf, InvalidParamsError, idOf, queryOf } from '../validation.ts'
import { activeForMs, type SessionView, sessionView } from '../views.ts'
import { notFound } from './not-found.ts'

/** The routes of sessions. */
export function sessionRoutes({ sessions, presence, hub }: Services): Hono {
  const app = new Hono()
  const viewOf = (row: SessionRow): SessionView => sessionView(presence.session(row))

  app.post('/v1/sessions', async (c) => {
    const { row, isNew } = await sessions.open(await bodyOf(c, inputs.newSessionBody), Date.now())
    const session = viewOf(row)
    if (isNew) hub.publish(updateOf({ t: 'new-session', session }))
    return c.json({ session })
  })

  app.get('/v1/sessions', async (c) => c.json({ sessions: (await sessions.list(150)).map(viewOf) }))

  app.get('/v2/sessions', async (c) => {
    const { cursor, limit } = queryOf(c, inputs.pageQuery)
    const after = cursor === undefined ? undefined : await sessions.find(cursor)
    if (cursor !== undefined && after === undefined)
      throw new InvalidParamsError('cursor must be the nextCursor of another page')
    const page = await sessions.page({ after, limit })
    return c.json({
      sessions: page.sessions.map(viewOf),
      nextCursor: page.hasNext ? `cursor_v1_${page.sessions.at(-1)?.id}` : null,
      hasNext: page.hasNext,
    })
  })

  app.get('/v2/sessions/active', async (c) => {
    const { limit } = queryOf(c, inputs.activeQuery)
    const active = await sessions.listActive(Date.now() - activeForMs, limit)
    const views = active.map(viewOf)
    return c.json({ sessions: views.sort((one, other) => other.activeAt - one.activeAt) })
  })

  app.get('/v2/sessions/:id', async (c) => {
    const row = await sessions.find(idOf(c))
    return row ? c.json({ session: viewOf(row) }) : notFound(c, 'Session not found')
  })

  app.post('/v1/sessions/:id/end', async (c) => {
    const { time } = await bodyOf(c, inputs.sessionEndBody)
    const nowMs = Date.now()
    const endedAtMs = Math.min(time, nowMs)
    const row = await presence.endSession(idOf(c), { endedAtMs, lastActiveAtMs: endedAtMs, nowMs })
    return row ? c.json({ session: sessionView(row) }) : notFound(c, 'Session not found')
  })
  return app
}
