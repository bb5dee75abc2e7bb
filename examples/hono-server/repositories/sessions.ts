/**
 * Sessions: one per tag, open until it is ended, never open again.
 *
 * @module
 */
import type { PreparedQuery, Storage } from 'unbusy'
import type { Database, SessionRow } from '../schema.ts'

/** What opens a session. */
export interface NewSession {
  readonly tag: string
  readonly metadata: string
  readonly agentState?: string | null | undefined
}

/** When a session ended, was last active, and when that is written, in ms since the epoch. */
export interface SessionEnd {
  readonly endedAtMs: number
  readonly lastActiveAtMs: number
  readonly nowMs: number
}

/** Where a page starts and how long it is. */
export interface PageRequest {
  /** The session before the first one of the page. */
  readonly after?: SessionRow | undefined
  readonly limit: number
}

/** The table of sessions. Its presence columns belong to `PresenceRepository` while a session is open. */
export class SessionRepository {
  readonly #storage: Storage<Database>
  readonly #end: PreparedQuery<SessionEnd & { readonly id: string }, SessionRow>

  constructor(storage: Storage<Database>) {
    this.#storage = storage
    this.#end = storage.prepare((db, end) =>
      db
        .updateTable('session')
        .set(({ eb, fn }) => ({
          active: 0,
          // By the sender's clock, which may be behind: nothing ends before it began.
          ended_at: fn<number>('max', ['created_at', eb.val(end.endedAtMs)]),
          last_active_at: fn<number>('max', ['last_active_at', eb.val(end.lastActiveAtMs)]),
          seq: eb('seq', '+', 1),
          updated_at: end.nowMs,
        }))
        .where('id', '=', end.id)
        .where('ended_at', 'is', null)
        .returningAll(),
    )
  }

  /** The session of this tag, opened now if there was none. */
  async open(
    { tag, metadata, agentState }: NewSession,
    nowMs: number,
  ): Promise<{ readonly row: SessionRow; readonly isNew: boolean }> {
    const byTag = this.#storage.db.selectFrom('session').selectAll().where('tag', '=', tag)
    const known = await byTag.executeTakeFirst()
    if (known !== undefined) return { row: known, isNew: false }

    const opened = await this.#storage.db
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
    if (opened !== undefined) return { row: opened, isNew: true }
    // Nothing came back: somebody else opened it since the look above.
    return { row: await byTag.executeTakeFirstOrThrow(), isNew: false }
  }

  /** One session, if it is known. */
  find(id: string): Promise<SessionRow | undefined> {
    return this.#storage.db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirst()
  }

  /** Ends a session; again, it changes nothing. Answers the session, if it is known. */
  async end(
    id: string,
    end: SessionEnd,
  ): Promise<{ readonly row: SessionRow | undefined; readonly isChanged: boolean }> {
    const { rows } = await this.#end({ id, ...end })
    const [ended] = rows
    return { row: ended ?? (await this.find(id)), isChanged: ended !== undefined }
  }

  /** The sessions that changed last. Heartbeats are no changes. */
  list(limit: number): Promise<SessionRow[]> {
    const sessions = this.#storage.db.selectFrom('session').selectAll()
    return sessions.orderBy('updated_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  }

  /** The open sessions that were active at that time or later, the last active one first. */
  listActive(sinceMs: number, limit: number): Promise<SessionRow[]> {
    const active = this.#storage.db.selectFrom('session').selectAll().where('ended_at', 'is', null)
    return active
      .where('last_active_at', '>=', sinceMs)
      .orderBy('last_active_at', 'desc')
      .limit(limit)
      .execute()
  }

  /** All sessions in pages, the newest one first: what changes or is opened meanwhile moves none across a page. */
  async page({ after, limit }: PageRequest): Promise<{
    readonly sessions: readonly SessionRow[]
    /** Whether there are more behind them. */
    readonly hasNext: boolean
  }> {
    const rows = await this.#storage.db
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
}
