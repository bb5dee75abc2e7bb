/**
 * What a process of I3 does with the file that it shares: one agent session each.
 *
 * @module
 */

/** An open database. Everything rejects, or throws, if it was not stored. */
export interface StormWay {
  /** This process is the one that serves the session from now on. */
  register(session: string, owner: string): unknown
  /** The session is alive. */
  heartbeat(session: string): unknown
  /** One more thing happened. */
  record(event: string): unknown
  /** This process serves the session no more. Answers whether it was still registered. */
  leave(session: string, owner: string): boolean | Promise<boolean>
  /** How often the lock was taken. */
  lockCycles(): number
  close(): unknown
}

/** What all of them share. */
export interface StormSchema {
  /** The label is another program's: who sends heartbeats does not know it. */
  readonly session: { readonly id: string; readonly label: string | null; readonly last_active_at: number }
  /** Which process serves a session. */
  readonly presence: { readonly session: string; readonly owner: string }
  readonly event: { readonly id: string }
}
