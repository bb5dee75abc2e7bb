/**
 * Presence: heartbeats of sessions and machines, a whole list in one short transaction. One UPDATE per session would take
 * the write lock once per session and starve everybody else (incident I1).
 *
 * @module
 */
import type { Kysely } from 'kysely'
import type { Storage, WaitOptions } from 'unbusy'
import {
  areClosed,
  endSessions,
  type Sighting,
  touchMachines,
  touchSessions,
} from './repositories/presence.ts'
import type { Database } from './schema.ts'

/** A sign of life, or of the end. `time` is in ms since the epoch on the sender's clock. */
export type Heartbeat =
  | { readonly type: 'session-alive' | 'session-end'; readonly sid: string; readonly time: number }
  | { readonly type: 'machine-alive'; readonly machineId: string; readonly time: number }

/** Why a heartbeat changes nothing and never will. */
export type DropReason = 'too-old' | 'unknown' | 'ended' | 'revoked'

/** What became of a list of heartbeats. */
export interface PresenceReport {
  /** How many were taken, those included that a fresher one outdid. */
  readonly accepted: number
  /** `index` is the position in the list. */
  readonly dropped: readonly { readonly index: number; readonly reason: DropReason }[]
}

type Judge = (heartbeat: Heartbeat) => DropReason | undefined

/** A heartbeat older than this says nothing about now. */
export const maxHeartbeatAgeMs: number = 10 * 60_000

/**
 * Stores who is alive and which sessions ended.
 *
 * - A time in the future counts as now; one of more than 10 minutes ago is dropped.
 * - The freshest wins, in the list and against what is stored: time never goes back.
 * - What has ended or was revoked stays so. An end in the list ends the session, wherever in the list it stands.
 */
export async function recordPresence(
  storage: Storage<Database>,
  heartbeats: readonly Heartbeat[],
  nowMs: number,
  wait: WaitOptions,
): Promise<PresenceReport> {
  const isTooOld: Judge = ({ time }) => (time < nowMs - maxHeartbeatAgeMs ? 'too-old' : undefined)
  const timely = heartbeats
    .filter((heartbeat) => isTooOld(heartbeat) === undefined)
    .map((heartbeat) => ({ ...heartbeat, time: Math.min(heartbeat.time, nowMs) }))
  // Nothing to store must not wait for the lock.
  const isClosed =
    timely.length === 0 ? isTooOld : await storage.write((trx) => store(trx, timely, nowMs), wait)

  const dropped = heartbeats.flatMap((heartbeat, index) => {
    const reason = isTooOld(heartbeat) ?? isClosed(heartbeat)
    return reason === undefined ? [] : [{ index, reason }]
  })
  return { accepted: heartbeats.length - dropped.length, dropped }
}

/** Five statements for however many heartbeats. Answers a judge of which of them the statements left alone. */
async function store(trx: Kysely<Database>, heartbeats: readonly Heartbeat[], nowMs: number): Promise<Judge> {
  const machines = freshest(heartbeats, ['machine-alive'])
  const sessions = freshest(heartbeats, ['session-alive', 'session-end'])
  const machineIsRevoked = await areClosed(trx, 'machine', 'revoked_at', machines)
  const sessionHasEnded = await areClosed(trx, 'session', 'ended_at', sessions)

  await touchMachines(trx, machines)
  await touchSessions(trx, sessions)
  await endSessions(trx, freshest(heartbeats, ['session-end']), nowMs)

  return (heartbeat) => {
    const isMachine = heartbeat.type === 'machine-alive'
    const isClosed = isMachine
      ? machineIsRevoked.get(heartbeat.machineId)
      : sessionHasEnded.get(heartbeat.sid)
    if (isClosed === undefined) return 'unknown'
    if (!isClosed) return undefined
    return isMachine ? 'revoked' : 'ended'
  }
}

/** The last sighting of each subject. */
function freshest(heartbeats: readonly Heartbeat[], types: readonly Heartbeat['type'][]): Sighting[] {
  const lastSeen = new Map<string, number>()
  for (const heartbeat of heartbeats) {
    if (!types.includes(heartbeat.type)) continue
    const id = heartbeat.type === 'machine-alive' ? heartbeat.machineId : heartbeat.sid
    lastSeen.set(id, Math.max(heartbeat.time, lastSeen.get(id) ?? heartbeat.time))
  }
  return [...lastSeen].map(([id, time]) => ({ id, time }))
}
