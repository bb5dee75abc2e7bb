/**
 * How rows look to clients.
 *
 * @module
 */
import type { MachineRow, SessionRow } from './schema.ts'

/** A machine or session that was not heard of for this long does not count as active any more. */
export const activeForMs: number = 15 * 60_000

/** A machine as clients see it. */
export interface MachineView {
  readonly id: string
  readonly metadata: string
  readonly metadataVersion: number
  readonly daemonState: string | null
  readonly daemonStateVersion: number
  readonly dataEncryptionKey: string | null
  readonly seq: number
  readonly active: boolean
  readonly activeAt: number
  readonly revokedAt: number | null
  readonly createdAt: number
  readonly updatedAt: number
}

/** A session as clients see it. */
export interface SessionView {
  readonly id: string
  readonly tag: string
  readonly seq: number
  readonly metadata: string
  readonly metadataVersion: number
  readonly agentState: string | null
  readonly agentStateVersion: number
  readonly active: boolean
  readonly activeAt: number
  readonly createdAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
}

/** The public shape of a machine. */
export function machineView(row: MachineRow): MachineView {
  return {
    id: row.id,
    metadata: row.metadata,
    metadataVersion: row.metadata_version,
    daemonState: row.daemon_state,
    daemonStateVersion: row.daemon_state_version,
    dataEncryptionKey: row.data_encryption_key,
    seq: row.seq,
    active: isActive(row),
    activeAt: row.last_active_at,
    revokedAt: row.revoked_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The public shape of a session. */
export function sessionView(row: SessionRow): SessionView {
  return {
    id: row.id,
    tag: row.tag,
    seq: row.seq,
    metadata: row.metadata,
    metadataVersion: row.metadata_version,
    agentState: row.agent_state,
    agentStateVersion: row.agent_state_version,
    active: isActive(row),
    activeAt: row.last_active_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
  }
}

/** Who falls silent says nothing about it, so it shows in the reading and needs no write. */
function isActive({ active, last_active_at }: Pick<MachineRow, 'active' | 'last_active_at'>): boolean {
  return active === 1 && last_active_at >= Date.now() - activeForMs
}
