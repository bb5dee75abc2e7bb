/**
 * Machines: who registered, and what they said about themselves.
 *
 * @module
 */
import type { Storage, WaitOptions } from 'unbusy'
import type { Database, MachineRow } from '../schema.ts'

/** What a machine says about itself. What is absent or null stays as it is stored. */
export interface Registration {
  readonly id: string
  readonly metadata: string
  readonly daemonState?: string | null | undefined
  readonly dataEncryptionKey?: string | null | undefined
}

/** A machine as it is stored now, and what that took. */
export interface MachineOutcome {
  readonly row: MachineRow
  readonly change: 'created' | 'updated' | 'none'
}

/** The table of machines. Its presence columns belong to `PresenceRepository`. */
export class MachineRepository {
  readonly #storage: Storage<Database>

  constructor(storage: Storage<Database>) {
    this.#storage = storage
  }

  /** All machines, the last active one first. */
  list(): Promise<MachineRow[]> {
    const machines = this.#storage.db.selectFrom('machine').selectAll()
    return machines.orderBy('last_active_at', 'desc').orderBy('id').execute()
  }

  /** One machine, if it is known. */
  find(id: string): Promise<MachineRow | undefined> {
    return this.#storage.db.selectFrom('machine').selectAll().where('id', '=', id).executeTakeFirst()
  }

  /**
   * Creates or updates a machine, and answers it as it is stored then. A revoked one is answered as it is.
   *
   * @param wait In which lane, and how long, the write lock is waited for. What changes nothing needs none and never waits.
   */
  async register(registration: Registration, nowMs: number, wait: WaitOptions): Promise<MachineOutcome> {
    const db = this.#storage.with(wait)
    const { id } = registration
    // Another server may create, change or revoke it meanwhile. So each write says what it has seen, and takes effect only
    // if that is still so: one statement, which needs no transaction and works where there are none.
    for (let known = await this.find(id); ; known = await this.find(id)) {
      if (known === undefined) {
        const created = await db
          .insertInto('machine')
          .values(newMachine(registration, nowMs))
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returningAll()
          .executeTakeFirst()
        if (created !== undefined) return { row: created, change: 'created' }
        continue
      }
      const change = changeOf(known, registration, nowMs)
      if (change === undefined) return { row: known, change: 'none' }
      const updated = await db
        .updateTable('machine')
        .set(change)
        .where('id', '=', id)
        .where('seq', '=', known.seq)
        .returningAll()
        .executeTakeFirst()
      if (updated !== undefined) return { row: updated, change: 'updated' }
    }
  }

  /** Revokes a machine for ever; again, it changes nothing. Answers the machine, if it is known. */
  async revoke(id: string, nowMs: number): Promise<MachineOutcome | undefined> {
    const revoked = await this.#storage.db
      .updateTable('machine')
      .set(({ eb }) => ({ revoked_at: nowMs, active: 0, seq: eb('seq', '+', 1), updated_at: nowMs }))
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .returningAll()
      .executeTakeFirst()
    if (revoked !== undefined) return { row: revoked, change: 'updated' }
    const known = await this.find(id)
    return known && { row: known, change: 'none' }
  }
}

function newMachine(registration: Registration, nowMs: number): MachineRow {
  const { id, metadata, daemonState, dataEncryptionKey } = registration
  return {
    id,
    metadata,
    metadata_version: 1,
    daemon_state: daemonState ?? null,
    daemon_state_version: daemonState == null ? 0 : 1,
    data_encryption_key: dataEncryptionKey ?? null,
    seq: 0,
    active: 0,
    last_active_at: nowMs,
    revoked_at: null,
    created_at: nowMs,
    updated_at: nowMs,
  }
}

/** The columns that this registration changes; undefined if there is none, or if the machine is revoked. */
function changeOf(
  machine: MachineRow,
  { metadata, daemonState, dataEncryptionKey }: Registration,
  nowMs: number,
): Partial<MachineRow> | undefined {
  const hasNewMetadata = metadata !== machine.metadata
  const hasNewState = daemonState != null && daemonState !== machine.daemon_state
  const hasNewKey = dataEncryptionKey != null && dataEncryptionKey !== machine.data_encryption_key
  if (machine.revoked_at !== null || !(hasNewMetadata || hasNewState || hasNewKey)) return undefined
  return {
    ...(hasNewMetadata && { metadata, metadata_version: machine.metadata_version + 1 }),
    ...(hasNewState && { daemon_state: daemonState, daemon_state_version: machine.daemon_state_version + 1 }),
    ...(hasNewKey && { data_encryption_key: dataEncryptionKey }),
    seq: machine.seq + 1,
    updated_at: nowMs,
  }
}
