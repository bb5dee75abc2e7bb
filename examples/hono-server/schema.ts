/**
 * The tables as Kysely sees them. All times are ms since the epoch; `active` is 0 or 1.
 *
 * @module
 */
import type { Generated, Selectable } from 'kysely'

/** The demo's database. */
export interface Database {
  readonly machine: MachineTable
  readonly session: SessionTable
  readonly usage_report: UsageReportTable
  readonly usage_event: UsageEventTable
}

interface MachineTable {
  readonly id: string
  readonly metadata: string
  readonly metadata_version: number
  readonly daemon_state: string | null
  readonly daemon_state_version: number
  readonly data_encryption_key: string | null
  /** Counts the durable changes; heartbeats are none. */
  readonly seq: number
  /** Belongs to presence, as `last_active_at` does: registration never touches either again. */
  readonly active: number
  readonly last_active_at: number
  readonly revoked_at: number | null
  readonly created_at: number
  readonly updated_at: number
}

interface SessionTable {
  readonly id: string
  readonly tag: string
  readonly seq: number
  readonly metadata: string
  readonly metadata_version: number
  readonly agent_state: string | null
  readonly agent_state_version: number
  readonly active: number
  readonly last_active_at: number
  readonly ended_at: number | null
  readonly created_at: number
  readonly updated_at: number
}

interface UsageReportTable {
  readonly id: string
  readonly session_id: string
  /** With `session_id` the identity of a report; neither is nullable, as UNIQUE does not hold for NULL in SQLite. */
  readonly key: string
  /** JSON: an object of numbers with `total`. */
  readonly tokens: string
  readonly cost: string
  readonly created_at: number
  readonly updated_at: number
}

interface UsageEventTable {
  readonly external_key: string
  readonly session_id: string
  readonly tokens: string
  readonly cost: string
  /** When it happened, which is earlier than when it is stored; the append queue stamps rows without it. */
  readonly time: Generated<number>
}

/** A row of `machine`. */
export type MachineRow = Selectable<MachineTable>

/** A row of `session`. */
export type SessionRow = Selectable<SessionTable>

/** A row of `usage_report`. */
export type UsageReportRow = Selectable<UsageReportTable>
