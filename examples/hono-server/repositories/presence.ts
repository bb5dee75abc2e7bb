/**
 * What presence owns of machines and of sessions, `active` and `last_active_at`, written for many at once. It is the same
 * in both tables but for the column that says that one is closed for good.
 *
 * @module
 */
import { type RawBuilder, sql } from 'kysely'
import type { Repository, Storage, WaitOptions } from 'unbusy'
import type { Database } from '../schema.ts'

/** When one was last seen, in ms since the epoch. */
export interface LastSeen {
  readonly id: string
  readonly last_active_at: number
}

/** A sign of life, or with `active: 0` a goodbye. */
export interface SeenRow extends LastSeen {
  readonly active: 0 | 1
}

/** How far the clocks of several servers may be apart, in milliseconds. */
const maxClockSkewMs = 60_000

/** What is stored about the presence of one. */
export interface StoredPresence extends LastSeen {
  readonly active: number
  /** When it was ended or revoked, in ms since the epoch. */
  readonly closed_at: number | null
}

/** The presence columns of one table. */
export class PresenceRepository {
  readonly table: 'machine' | 'session'
  readonly #storage: Storage<Database>
  readonly #rows: Repository<Database, 'machine', 'id'>
  readonly #closedAt: RawBuilder<number | null>

  constructor(storage: Storage<Database>, table: 'machine' | 'session') {
    this.table = table
    this.#storage = storage
    // The columns that are used here are the same in both tables; one type is easier to read than the union.
    this.#rows = storage.repository(table as 'machine', { key: 'id' })
    this.#closedAt = sql.ref(`${table}.${table === 'machine' ? 'revoked_at' : 'ended_at'}`)
  }

  /**
   * Marks them as active, or as gone, with one bulk statement. One that is closed, or was seen later than this, stays as it is.
   * Answers how many were changed.
   */
  async touchMany(seen: readonly SeenRow[], options: WaitOptions): Promise<number> {
    const { changes } = await this.#rows.updateMany(seen, {
      ...options,
      where: () => sql`${this.#closedAt} is null and ${this.#isFresher}`,
    })
    return changes
  }

  /** Marks those as inactive that still are as they were read, and answers which ones (compare-and-set). */
  async deactivateMany(silent: readonly LastSeen[], options: WaitOptions): Promise<readonly LastSeen[]> {
    const isAsRead = sql<boolean>`${this.#closedAt} is null and ${this.#column('last_active_at')} = excluded.last_active_at`
    const { changes } = await this.#rows.updateMany(
      silent.map(({ id, last_active_at }) => ({ id, last_active_at, active: 0 })),
      { ...options, where: () => isAsRead },
    )
    if (changes === silent.length) return silent
    const stored = new Map((await this.find(silent.map(({ id }) => id))).map((row) => [row.id, row]))
    return silent.filter(({ id, last_active_at }) => {
      const row = stored.get(id)
      return row?.active === 0 && row.closed_at === null && row.last_active_at === last_active_at
    })
  }

  /**
   * Brings those back to now that were seen in the future, by a clock that went back since: until then every sign of life
   * would be older than that. Answers their ids. What is a little ahead is of another server, and is left alone.
   */
  async clampFuture(nowMs: number, options: WaitOptions): Promise<readonly string[]> {
    const isAhead = sql<boolean>`active = 1 and last_active_at > ${nowMs + maxClockSkewMs}`
    const { rows } = await sql<{ id: string }>`
      select id from ${sql.table(this.table)} where ${isAhead}
    `.execute(this.#storage.db)
    if (rows.length === 0) return []
    await sql`update ${sql.table(this.table)} set last_active_at = ${nowMs} where ${isAhead}`.execute(
      this.#storage.with(options),
    )
    return rows.map(({ id }) => id)
  }

  /** Those that are marked as active and were not seen since then, the silent ones first; at most `limit`. */
  async listSilent(sinceMs: number, limit: number): Promise<readonly LastSeen[]> {
    const { rows } = await sql<LastSeen>`
      select id, last_active_at from ${sql.table(this.table)}
      where active = 1 and ${this.#closedAt} is null and last_active_at < ${sinceMs}
      order by last_active_at limit ${limit}
    `.execute(this.#storage.db)
    return rows
  }

  /** What is stored of these, with one query; unknown ids are not in the answer. */
  async find(ids: readonly string[]): Promise<readonly StoredPresence[]> {
    const { rows } = await sql<StoredPresence>`
      select id, active, last_active_at, ${this.#closedAt} as closed_at from ${sql.table(this.table)}
      where id in (select value from json_each(${JSON.stringify(ids)}))
    `.execute(this.#storage.db)
    return rows
  }

  /** Or as fresh, but the first sign of life: a machine may register and report within one millisecond. */
  get #isFresher(): RawBuilder<boolean> {
    return sql`(${this.#column('last_active_at')}, ${this.#column('active')}) < (excluded.last_active_at, excluded.active)`
  }

  #column(name: string): RawBuilder<number> {
    return sql.ref(`${this.table}.${name}`)
  }
}
