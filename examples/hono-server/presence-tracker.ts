/**
 * Presence of one kind, machines or sessions: who is known, who was seen, and the buffer between that and the database.
 * An UPDATE per heartbeat would take the write lock once per session, and starve everybody else.
 *
 * @module
 */
import type { CoalescingBuffer, FlushContext, Storage } from 'unbusy'
import { Directory, type DirectoryOptions, type Sighting } from './directory.ts'
import type { LastSeen, PresenceRepository, SeenRow } from './repositories/presence.ts'
import type { Database } from './schema.ts'

/** How presence is buffered. */
export interface TrackerOptions extends DirectoryOptions {
  /** How long a sign of life waits at most before it is written, in milliseconds. @default {1_000} */
  readonly flushIntervalMs?: number
  /** How long one flush may wait for the lock, in milliseconds: short, as the next heartbeat comes soon. @default {2_000} */
  readonly lockTimeoutMs?: number
  /** Told of each flush that failed. */
  readonly onError?: (error: unknown) => void
}

/** One became active or inactive, or still is active. `activeAt` is in ms since the epoch. */
export interface Activity {
  readonly id: string
  readonly active: boolean
  readonly activeAt: number
  readonly thinking: boolean
}

/** Tracks the presence of the rows of one table. */
export class PresenceTracker {
  readonly rows: PresenceRepository
  readonly directory: Directory
  readonly buffer: CoalescingBuffer<string, SeenRow>
  readonly #onActivity: (activity: Activity) => void

  constructor(
    storage: Storage<Database>,
    rows: PresenceRepository,
    options: TrackerOptions & { readonly onActivity: (activity: Activity) => void },
  ) {
    this.rows = rows
    this.directory = new Directory(options)
    this.#onActivity = options.onActivity
    this.buffer = storage.coalesce<string, SeenRow>({
      key: ({ id }) => id,
      merge: (older, newer) => (newer.last_active_at >= older.last_active_at ? newer : older),
      flush: (seen, context) => this.#flush(seen, context),
      intervalMs: options.flushIntervalMs ?? 1_000,
      // The interval decides, not the number: thousands of sessions are one statement, too.
      maxPending: 10_000,
      lane: 'background',
      lockTimeoutMs: options.lockTimeoutMs ?? 2_000,
      ...(options.onError !== undefined && { onError: options.onError }),
      onDrop: ({ value, reason, error }) => {
        if (reason === 'poison')
          console.error(`The presence of ${rows.table} ${value.id} was refused:`, error)
        this.directory.silence(value.id)
      },
    })
  }

  /** A row was read or written. Answers the row with what was acknowledged since, stored or not. */
  learn<Row extends LastSeen & { readonly active: number }>(row: Row, closedAt: number | null): Row {
    this.directory.learn(row.id, closedAt !== null, row.last_active_at)
    const { seenAtMs = 0, hasLeft } = this.directory.get(row.id) ?? {}
    if (closedAt !== null || seenAtMs <= row.last_active_at) return row
    return { ...row, active: hasLeft ? 0 : 1, last_active_at: seenAtMs }
  }

  /** Makes known which of these there are: with one query for those that it does not know, or none. */
  async lookUp(ids: readonly string[], nowMs: number): Promise<void> {
    const missing = new Set(ids.filter((id) => this.directory.isMissing(id, nowMs)))
    if (missing.size === 0) return
    for (const { id, closed_at, last_active_at } of await this.rows.find([...missing])) {
      this.directory.learn(id, closed_at !== null, last_active_at)
      missing.delete(id)
    }
    for (const id of missing) this.directory.learnUnknown(id, nowMs)
  }

  /** Takes in a sign of life of one that is known and open, without touching the database. */
  see(sighting: Sighting): 'taken' | 'full' | 'closed' {
    const { id, time } = sighting
    if (!this.directory.isNews(id, time)) return 'taken'
    const result = this.buffer.set({ id, last_active_at: time, active: 1 })
    if (!result.accepted) return result.reason === 'closed' ? 'closed' : 'full'
    const { thinking } = this.directory.see(sighting)
    this.#onActivity({ id, active: true, activeAt: time, thinking })
    return 'taken'
  }

  /** It is there from now on, if it is open. Its goodbye of a moment ago does not count. */
  arrive(id: string, nowMs: number): void {
    const { isClosed, seenAtMs = 0 } = this.directory.get(id) ?? {}
    if (isClosed !== true) this.see({ id, time: Math.max(nowMs, seenAtMs) })
  }

  /** It was there until now, and is not any more. A later sign of life brings it back. */
  leave(id: string, nowMs: number): void {
    const { isClosed, seenAtMs = 0 } = this.directory.get(id) ?? {}
    if (isClosed === true) return
    // After the last sign of life, even within one millisecond.
    const time = Math.max(nowMs, seenAtMs + 1)
    if (!this.buffer.set({ id, last_active_at: time, active: 0 }).accepted) return
    this.directory.leave(id, time)
    this.#onActivity({ id, active: false, activeAt: time, thinking: false })
  }

  /** It was ended or revoked: what waits for it will not be needed. */
  close({ id, last_active_at }: LastSeen): void {
    if (this.directory.get(id)?.isClosed === true) return
    this.directory.learn(id, true, last_active_at)
    this.buffer.delete(id)
    this.#onActivity({ id, active: false, activeAt: last_active_at, thinking: false })
  }

  /** It was marked as inactive, as nothing was heard of it. */
  silence({ id, last_active_at }: LastSeen): void {
    this.directory.silence(id)
    this.#onActivity({ id, active: false, activeAt: last_active_at, thinking: false })
  }

  /** One statement; of many thousands, the repository makes slices so that others write in between. */
  async #flush(seen: readonly SeenRow[], context: FlushContext): Promise<void> {
    const changes = await this.rows.touchMany(seen, context)
    if (changes === seen.length) return
    // The guards in SQL refused something: a fresher one is stored, or another process has closed or deleted it.
    const stored = new Map((await this.rows.find(seen.map(({ id }) => id))).map((row) => [row.id, row]))
    for (const { id } of seen) {
      const row = stored.get(id)
      if (row === undefined) this.directory.forget(id)
      else if (row.closed_at !== null) this.close(row)
    }
  }
}
