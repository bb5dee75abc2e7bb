/**
 * Machines: who registered, and what they said about themselves.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import type { Storage, WaitOptions } from 'unbusy'
import type { Database, MachineRow } from '../schema.ts'

/** What a machine says about itself. What is absent or null stays as it is stored. */
export interface Registration {
  readonly id: string
  readonly metadata: string
  readonly daemonState?: string | null | undefined
  readonly dataEncryptionKey?: string | null | undefined
}

/** All machines, the last active one first. */
export function listMachines(db: Kysely<Database>): Promise<MachineRow[]> {
  return db.selectFrom('machine').selectAll().orderBy('last_active_at', 'desc').orderBy('id').execute()
}

/** One machine, if it is known. */
export function findMachine(db: Kysely<Database>, id: string): Promise<MachineRow | undefined> {
  return db.selectFrom('machine').selectAll().where('id', '=', id).executeTakeFirst()
}

/**
 * Creates or updates a machine, and answers it as it is stored then. A revoked one is answered as it is.
 *
 * @param wait How long the write lock may be waited for. A registration that changes nothing needs none and never waits.
 */
export async function registerMachine(
  storage: Storage<Database>,
  registration: Registration,
  nowMs: number,
  wait: WaitOptions,
): Promise<MachineRow> {
  const known = await findMachine(storage.db, registration.id)
  if (known !== undefined && changeOf(known, registration, nowMs) === undefined) return known

  return storage.write(async (trx) => {
    // Another server may have created, changed or revoked it since: what counts is what is stored now, under the lock.
    const current = await findMachine(trx, registration.id)
    if (current === undefined) return insertMachine(trx, registration, nowMs)
    const change = changeOf(current, registration, nowMs)
    if (change === undefined) return current
    return trx
      .updateTable('machine')
      .set(change)
      .where('id', '=', current.id)
      .returningAll()
      .executeTakeFirstOrThrow()
  }, wait)
}

/** Revokes a machine for ever; again, it changes nothing. Answers the machine, if it is known. */
export async function revokeMachine(
  db: Kysely<Database>,
  id: string,
  nowMs: number,
): Promise<MachineRow | undefined> {
  const revoked = await db
    .updateTable('machine')
    .set(({ eb }) => ({ revoked_at: nowMs, active: 0, seq: eb('seq', '+', 1), updated_at: nowMs }))
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return revoked ?? findMachine(db, id)
}

function insertMachine(db: Kysely<Database>, registration: Registration, nowMs: number): Promise<MachineRow> {
  const { id, metadata, daemonState, dataEncryptionKey } = registration
  const row: MachineRow = {
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
  return db.insertInto('machine').values(row).returningAll().executeTakeFirstOrThrow()
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
