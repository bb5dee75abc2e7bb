/**
 * What the servers have acknowledged, as their clients remember it. The database is held against it at the end.
 *
 * @module
 */
import type { RuntimeName } from './demo-process.ts'

/** An event that was acknowledged: by whom, and when, in ms since the epoch. */
export interface Taken {
  readonly by: RuntimeName
  readonly atMs: number
}

/** What one machine was told. */
export interface MachineRecord {
  readonly id: string
  /** Its session's id; empty until it has one. */
  sessionId: string
  /** Whether its registration was answered with 200. */
  isRegistered: boolean
  /** Changes of its metadata that were answered with 200. */
  changes: number
  /** Usage reports, each under a key of its own, that were answered with 200. */
  reports: number
  /** The time of its last heartbeat that was accepted, in ms since the epoch. */
  heartbeatAtMs: number
  heartbeats: number
  /** Who accepted that last heartbeat. */
  heartbeatBy: RuntimeName
}

/** Everything that was acknowledged. */
export class Acknowledged {
  readonly machines: MachineRecord[] = []
  /** Usage events that were answered with 202, by their key. One that was sent again is of who answered last. */
  readonly events: Map<string, Taken> = new Map()
  /** Requests that were sent again, as nobody answered or the answer was 503. */
  sentAgain = 0

  get heartbeats(): number {
    return this.machines.reduce((sum, { heartbeats }) => sum + heartbeats, 0)
  }
}
