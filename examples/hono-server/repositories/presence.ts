/**
 * The statements of presence: constant SQL whose only parameter is a list as JSON, so a thousand rows cost one statement.
 *
 * @module
 */
import { type AliasedRawBuilder, type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../schema.ts'

/** When a session or a machine was last seen, in ms since the epoch. */
export interface Sighting {
  readonly id: string
  readonly time: number
}

/** Which of the seen ones have that closing time set. Unknown ones are not in the answer. */
export async function areClosed<Table extends 'machine' | 'session'>(
  db: Kysely<Database>,
  table: Table,
  column: Table extends 'machine' ? 'revoked_at' : 'ended_at',
  seen: readonly Sighting[],
): Promise<ReadonlyMap<string, boolean>> {
  const { rows } = await sql<{ readonly id: string; readonly is_closed: number }>`
    select id, ${sql.ref(column)} is not null as is_closed from ${sql.table(table)} where id in ${idsOf(seen)}
  `.execute(db)
  return new Map(rows.map(({ id, is_closed }) => [id, is_closed === 1]))
}

/** Marks machines as active. A revoked one, and one that was seen later than this, stays as it is. */
export async function touchMachines(db: Kysely<Database>, seen: readonly Sighting[]): Promise<void> {
  if (seen.length === 0) return
  await db
    .updateTable('machine')
    .from(rowsOf(seen))
    .set(({ ref }) => ({ last_active_at: ref('seen.time'), active: 1 }))
    .whereRef('machine.id', '=', 'seen.id')
    .where('machine.revoked_at', 'is', null)
    .where(isFresher('machine'))
    .execute()
}

/** Marks sessions as active. An ended one, and one that was seen later than this, stays as it is. */
export async function touchSessions(db: Kysely<Database>, seen: readonly Sighting[]): Promise<void> {
  if (seen.length === 0) return
  await db
    .updateTable('session')
    .from(rowsOf(seen))
    .set(({ ref }) => ({ last_active_at: ref('seen.time'), active: 1 }))
    .whereRef('session.id', '=', 'seen.id')
    .where('session.ended_at', 'is', null)
    .where(isFresher('session'))
    .execute()
}

/** Ends sessions. One that has ended stays as it is. */
export async function endSessions(
  db: Kysely<Database>,
  ends: readonly Sighting[],
  nowMs: number,
): Promise<void> {
  if (ends.length === 0) return
  await db
    .updateTable('session')
    .from(rowsOf(ends))
    .set(({ ref, eb }) => ({
      active: 0,
      ended_at: ref('seen.time'),
      seq: eb('session.seq', '+', 1),
      updated_at: nowMs,
    }))
    .whereRef('session.id', '=', 'seen.id')
    .where('session.ended_at', 'is', null)
    .execute()
}

/** Or as fresh, but the first sign of life: a machine may register and report within one millisecond. */
function isFresher(table: 'machine' | 'session'): RawBuilder<boolean> {
  const stored = sql`${sql.ref(`${table}.last_active_at`)}, ${sql.ref(`${table}.active`)}`
  return sql`(${stored}) < (${sql.ref('seen.time')}, 1)`
}

function rowsOf(seen: readonly Sighting[]): AliasedRawBuilder<Sighting, 'seen'> {
  const json = JSON.stringify(seen)
  return sql<Sighting>`(select value ->> 'id' as id, value ->> 'time' as time from json_each(${json}))`.as(
    'seen',
  )
}

function idsOf(seen: readonly Sighting[]): RawBuilder<string> {
  return sql`(select value from json_each(${JSON.stringify(seen.map(({ id }) => id))}))`
}
