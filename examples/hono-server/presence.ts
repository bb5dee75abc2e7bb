/**
 * Presence: heartbeats of sessions and machines, a list at a time. Signs of life of known ones are answered from memory and
 * stored later, many with one statement; ends are stored before they are answered.
 *
 * @module
 */
import { type Storage, StorageClosedError } from 'unbusy'
import type { EventHub } from './event-hub.ts'
import { updateOf } from './events.ts'
import {
  type Heartbeat,
  type HeartbeatDropReason,
  type PresenceReport,
  type TimelyHeartbeat,
  timelyHeartbeats,
} from './heartbeats.ts'
import type { LostFiles } from './lost-files.ts'
import { PresenceTracker, type TrackerOptions } from './presence-tracker.ts'
import { PresenceRepository } from './repositories/presence.ts'
import type { SessionEnd, SessionRepository } from './repositories/sessions.ts'
import type { Database, MachineRow, SessionRow } from './schema.ts'
import { sessionView } from './views.ts'

/** What presence works with. */
export interface PresenceOptions extends Omit<TrackerOptions, 'onError'> {
  readonly storage: Storage<Database>
  readonly sessions: SessionRepository
  readonly hub: EventHub
  readonly lostFiles: LostFiles
}

/** Takes in heartbeats, and knows who is there. */
export class Presence {
  readonly sessions: PresenceTracker
  readonly machines: PresenceTracker
  readonly #repository: SessionRepository
  readonly #hub: EventHub
  readonly #lostFiles: LostFiles

  constructor({ storage, sessions, hub, lostFiles, ...settings }: PresenceOptions) {
    const options: TrackerOptions = { ...settings, onError: (error) => lostFiles.notice(error) }
    this.#repository = sessions
    this.#hub = hub
    this.#lostFiles = lostFiles
    this.sessions = new PresenceTracker(storage, new PresenceRepository(storage, 'session'), {
      ...options,
      onActivity: (activity) => hub.publish({ event: 'ephemeral', data: { type: 'activity', ...activity } }),
    })
    this.machines = new PresenceTracker(storage, new PresenceRepository(storage, 'machine'), {
      ...options,
      onActivity: ({ thinking: _, ...activity }) =>
        hub.publish({ event: 'ephemeral', data: { type: 'machine-activity', ...activity } }),
    })
  }

  /** A session was read or written. Answers it with what was acknowledged since, and remembers it. */
  session(row: SessionRow): SessionRow {
    return this.sessions.learn(row, row.ended_at)
  }

  /** The same for a machine. */
  machine(row: MachineRow): MachineRow {
    return this.machines.learn(row, row.revoked_at)
  }

  /**
   * Takes in who is alive and which sessions ended.
   *
   * - A time in the future counts as now; one of more than 10 minutes ago is dropped.
   * - The freshest wins, in the list and against what is stored: time never goes back.
   * - What has ended or was revoked stays so. An end in the list ends the session, wherever in the list it stands.
   *
   * @throws {LockTimeoutError} If an end could not be stored in time; who is alive was taken in.
   * @throws {StorageClosedError} If the server is stopping.
   * @throws {FileReplacedError} If nothing could be stored any more.
   */
  async record(heartbeats: readonly Heartbeat[], nowMs: number): Promise<PresenceReport> {
    this.#lostFiles.assertNone()
    const timely = timelyHeartbeats(heartbeats, nowMs)
    const reasons = new Map<number, HeartbeatDropReason>(heartbeats.map((_, index) => [index, 'too-old']))
    for (const { index } of timely) reasons.delete(index)
    await this.#lookUp(timely, nowMs)

    const open = timely.filter((heartbeat) => {
      const reason = this.#refusal(heartbeat)
      if (reason !== undefined) reasons.set(heartbeat.index, reason)
      return reason === undefined
    })
    const ends = endsOf(open, nowMs)
    for (const heartbeat of open) {
      const isOver = heartbeat.of === 'session' && ends.has(heartbeat.id)
      if (!isOver && !this.#takeIn(heartbeat)) reasons.set(heartbeat.index, 'overloaded')
    }
    // All ends share one lock cycle: what waits together is committed together.
    await Promise.all([...ends].map(([id, end]) => this.endSession(id, end)))

    const dropped = [...reasons].map(([index, reason]) => ({ index, reason }))
    return {
      accepted: heartbeats.length - dropped.length,
      dropped: dropped.sort((one, other) => one.index - other.index),
    }
  }

  /** Ends a session for good, stored when this resolves. Answers it, if it is known. */
  async endSession(id: string, end: SessionEnd): Promise<SessionRow | undefined> {
    // What was acknowledged but is not stored counts, too; its own write will find the session ended.
    const pendingMs = this.sessions.buffer.get(id)?.last_active_at ?? 0
    const { row, isChanged } = await this.#repository.end(id, {
      ...end,
      lastActiveAtMs: Math.max(end.lastActiveAtMs, pendingMs),
    })
    if (row !== undefined && row.ended_at !== null) this.sessions.close(row)
    if (row !== undefined && isChanged)
      this.#hub.publish(updateOf({ t: 'update-session', session: sessionView(row) }))
    return row
  }

  /** Looks up those that are neither known nor known to be unknown: nothing, or one query a table. */
  async #lookUp(heartbeats: readonly TimelyHeartbeat[], nowMs: number): Promise<void> {
    const idsOf = (kind: TimelyHeartbeat['of']): string[] =>
      heartbeats.flatMap(({ of, id }) => (of === kind ? id : []))
    await Promise.all([
      this.sessions.lookUp(idsOf('session'), nowMs),
      this.machines.lookUp(idsOf('machine'), nowMs),
    ])
  }

  #refusal({ of, id }: TimelyHeartbeat): HeartbeatDropReason | undefined {
    const entry = this.#trackerOf(of).directory.get(id)
    if (entry === undefined) return 'unknown'
    if (!entry.isClosed) return undefined
    return of === 'machine' ? 'revoked' : 'ended'
  }

  #takeIn(heartbeat: TimelyHeartbeat): boolean {
    const result = this.#trackerOf(heartbeat.of).see(heartbeat)
    if (result === 'closed')
      throw new StorageClosedError('Cannot take in heartbeats as the server is stopping')
    return result === 'taken'
  }

  #trackerOf(kind: TimelyHeartbeat['of']): PresenceTracker {
    return kind === 'machine' ? this.machines : this.sessions
  }
}

/** The sessions that end, and when: signs of life in the list count as such, the end stays the end. */
function endsOf(heartbeats: readonly TimelyHeartbeat[], nowMs: number): ReadonlyMap<string, SessionEnd> {
  const ends = new Map<string, SessionEnd>()
  for (const { id, isEnd, time } of heartbeats)
    if (isEnd && !ends.has(id)) ends.set(id, { endedAtMs: time, lastActiveAtMs: time, nowMs })
  for (const { of, id, time } of heartbeats) {
    const end = of === 'session' ? ends.get(id) : undefined
    if (end !== undefined && time > end.lastActiveAtMs) ends.set(id, { ...end, lastActiveAtMs: time })
  }
  return ends
}
