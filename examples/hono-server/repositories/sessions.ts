/**
 * Sessions: one per tag, open until it is ended, never open again.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import type { Database, SessionRow } from '../schema.ts'

/** What opens a session. */
export interface NewSession {
  readonly tag: string
  readonly metadata: string
  readonly agentState?: string | null | undefined
}

/** Where a page starts and how long it is. */
export interface PageRequest {
  /** The session before the first one of the page. */
  readonly after?: SessionRow | undefined
  readonly limit: number
}

/** Some sessions, and whether there are more behind them. */
export interface Page {
  readonly sessions: readonly SessionRow[]
  readonly hasNext: boolean
}

/** The session of this tag, opened now if there was none. */
export async function openSession(
  db: Kysely<Database>,
  { tag, metadata, agentState }: NewSession,
  nowMs: number,
): Promise<SessionRow> {
  const byTag = db.selectFrom('session').selectAll().where('tag', '=', tag)
  const known = await byTag.executeTakeFirst()
  if (known !== undefined) return known

  const opened = await db
    .insertInto('session')
    .values({
      id: crypto.randomUUID(),
      tag,
      seq: 0,
      metadata,
      metadata_version: 1,
      agent_state: agentState ?? null,
      agent_state_version: agentState == null ? 0 : 1,
      active: 1,
      last_active_at: nowMs,
      ended_at: null,
      created_at: nowMs,
      updated_at: nowMs,
    })
    .onConflict((conflict) => conflict.column('tag').doNothing())
    .returningAll()
    .executeTakeFirst()
  // Nothing came back: somebody else opened it since the look above.
  return opened ?? byTag.executeTakeFirstOrThrow()
}

/** One session, if it is known. */
export function findSession(db: Kysely<Database>, id: string): Promise<SessionRow | undefined> {
  return db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Ends a session; again, it changes nothing. Answers the session, if it is known. */
export async function endSession(
  db: Kysely<Database>,
  id: string,
  endedAtMs: number,
  nowMs: number,
): Promise<SessionRow | undefined> {
  const ended = await db
    .updateTable('session')
    .set(({ eb, fn }) => ({
      active: 0,
      ended_at: endedAtMs,
      last_active_at: fn<number>('max', ['last_active_at', eb.val(endedAtMs)]),
      seq: eb('seq', '+', 1),
      updated_at: nowMs,
    }))
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return ended ?? findSession(db, id)
}

/** The sessions that changed last. Heartbeats are no changes. */
export function listSessions(db: Kysely<Database>, limit: number): Promise<SessionRow[]> {
  const sessions = db.selectFrom('session').selectAll()
  return sessions.orderBy('updated_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}

/** The open sessions that were active at that time or later, the last active one first. */
export function listActiveSessions(
  db: Kysely<Database>,
  sinceMs: number,
  limit: number,
): Promise<SessionRow[]> {
  return db
    .selectFrom('session')
    .selectAll()
    .where('ended_at', 'is', null)
    .where('last_active_at', '>=', sinceMs)
    .orderBy('last_active_at', 'desc')
    .limit(limit)
    .execute()
}

/** All sessions in pages, the newest one first: what changes or is opened meanwhile moves none across a page. */
export async function pageSessions(db: Kysely<Database>, { after, limit }: PageRequest): Promise<Page> {
  const rows = await db
    .selectFrom('session')
    .selectAll()
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('created_at', 'id'), '<', tuple(after?.created_at ?? 0, after?.id ?? '')),
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return { sessions: rows.slice(0, limit), hasNext: rows.length > limit }
}
