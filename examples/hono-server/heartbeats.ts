/**
 * Heartbeats as clients send them, and what they are told of them.
 *
 * @module
 */

/** A sign of life, or of the end. `time` is in ms since the epoch on the sender's clock. */
export type Heartbeat =
  | {
      readonly type: 'session-alive'
      readonly sid: string
      readonly time: number
      readonly thinking?: boolean | null | undefined
      /** Not kept. */
      readonly mode?: string | null | undefined
    }
  | { readonly type: 'session-end'; readonly sid: string; readonly time: number }
  | { readonly type: 'machine-alive'; readonly machineId: string; readonly time: number }

/** Why a heartbeat changes nothing. All but `overloaded`, which is of the moment, are for good. */
export type HeartbeatDropReason = 'too-old' | 'unknown' | 'ended' | 'revoked' | 'overloaded'

/** What became of a list of heartbeats. */
export interface PresenceReport {
  /** How many were taken, those included that a fresher one outdid. */
  readonly accepted: number
  /** `index` is the position in the list. */
  readonly dropped: readonly { readonly index: number; readonly reason: HeartbeatDropReason }[]
}

/** A heartbeat whose time can be believed, and where it was in its list. */
export interface TimelyHeartbeat {
  readonly index: number
  readonly of: 'session' | 'machine'
  readonly id: string
  readonly isEnd: boolean
  readonly time: number
  readonly thinking?: boolean | null | undefined
}

/** A heartbeat older than this says nothing about now. */
const maxHeartbeatAgeMs: number = 10 * 60_000

/** The heartbeats that say something about now. A time in the future, by a clock that is ahead, counts as now. */
export function timelyHeartbeats(heartbeats: readonly Heartbeat[], nowMs: number): TimelyHeartbeat[] {
  return heartbeats
    .map((heartbeat, index) => ({ ...subjectOf(heartbeat), index, time: Math.min(heartbeat.time, nowMs) }))
    .filter(({ time }) => time >= nowMs - maxHeartbeatAgeMs)
}

function subjectOf(heartbeat: Heartbeat): Omit<TimelyHeartbeat, 'index' | 'time'> {
  if (heartbeat.type === 'machine-alive') return { of: 'machine', id: heartbeat.machineId, isEnd: false }
  const session = { of: 'session', id: heartbeat.sid } as const
  if (heartbeat.type === 'session-end') return { ...session, isEnd: true }
  return { ...session, isEnd: false, thinking: heartbeat.thinking }
}
