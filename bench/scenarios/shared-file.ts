/**
 * Makes the file that the processes of I2 and I3 share, and reads it when they are through. None of them has it open then.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'

/** What the file holds in the end. */
export interface SharedStored {
  readonly events: ReadonlySet<string>
  /** Sessions whose label, which is none of the processes' business, is gone. */
  readonly lostLabels: number
}

/** Creates it. */
export function createSharedFile(path: string, sessions: number): void {
  const database = new DatabaseSync(path)
  database.exec('pragma journal_mode = wal')
  database.exec('create table session (id text primary key, label text, last_active_at integer not null)')
  database.exec('create table presence (session text primary key, owner text not null)')
  database.exec('create table event (id text primary key)')
  database.exec('create table foreign_row (id integer primary key, batch text not null)')
  const insert = database.prepare("insert into session values (?, 'named by its user', 0)")
  for (let session = 0; session < sessions; session++) insert.run(`session-${session}`)
  database.close()
}

/** Reads it. */
export function readSharedFile(path: string): SharedStored {
  const database = new DatabaseSync(path)
  const events = database.prepare('select id from event').all()
  const lost = database.prepare('select count(*) as n from session where label is null').get()
  database.close()
  return { events: new Set(events.map(({ id }) => String(id))), lostLabels: Number(lost?.n) }
}
