/**
 * The tables of the benches.
 *
 * @module
 */
import type { Generated } from 'kysely'

/** Who is there, kept fresh by flushes. */
export interface SessionTable {
  readonly id: string
  readonly last_active_at: number
  readonly active: number
  readonly metadata: string | null
}

/** What happened, one row each. */
export interface EventTable {
  readonly id: Generated<number>
  readonly text: string
  readonly n: number
  readonly created_at: number | null
}

export interface BenchSchema {
  readonly session: SessionTable
  readonly event: EventTable
}

export const createSession =
  'create table session (id text primary key, last_active_at integer not null, active integer not null, metadata text)'

export const createEvent =
  'create table event (id integer primary key, text text not null, n integer not null, created_at integer)'

/** The id of a session by its number: as long as one that an application would make. */
export function sessionId(number: number): string {
  return `session-${String(number).padStart(6, '0')}-abcdef`
}
