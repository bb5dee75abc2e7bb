/**
 * The row that is the migration lock, as its statements: each does one thing at once, or nothing.
 *
 * @module
 */
import { CompiledQuery, type QueryResult } from 'kysely'
import type { Session, UpkeepQuery } from './session.ts'

/** The table of the lock; introspection hides it. */
export const migrationLockTable = 'unbusy_migration_lock'

/** What it says of whoever has the lock. */
export interface LockRow {
  readonly owner: string
  /** By the wall clock of the owner, in ms since the epoch. */
  readonly expires_at: number
}

/** The row of one lock, in the name of one owner. Each change answers whether there was something to change. */
export class OwnLockRow {
  readonly #session: Session
  readonly #name: string
  readonly #owner: string = crypto.randomUUID()

  /** @param session Asked past Kysely's line of those who want it: a statement that has it waits for a renewal. */
  constructor(session: Session, name: string) {
    this.#session = session
    this.#name = name
  }

  /** Looks first: where there is one, to create it if there is none would wait for SQLite's lock all the same. */
  async createTable(): Promise<void> {
    const found = await this.#run('select 1 from sqlite_schema where name = ?', migrationLockTable)
    if (found.rows.length > 0) return
    await this.#run(
      `create table if not exists ${migrationLockTable} (name text primary key, owner text not null, expires_at integer not null) without rowid`,
    )
  }

  /** Whoever has the lock. */
  async read(): Promise<LockRow | undefined> {
    const result = await this.#run(
      `select owner, expires_at from ${migrationLockTable} where name = ?`,
      this.#name,
    )
    return result.rows[0] as LockRow | undefined
  }

  /** Takes the lock where there is none; with `dead` from that one, if its row is as it was. */
  take(expiresAt: number, dead: LockRow | undefined): Promise<boolean> {
    const mine = [this.#owner, expiresAt, this.#name]
    if (dead === undefined) {
      return this.#change(
        `insert or ignore into ${migrationLockTable} (owner, expires_at, name) values (?, ?, ?)`,
        ...mine,
      )
    }
    return this.#change(
      `update ${migrationLockTable} set owner = ?, expires_at = ? where name = ? and owner = ? and expires_at = ?`,
      ...mine,
      dead.owner,
      dead.expires_at,
    )
  }

  renew(expiresAt: number): Promise<boolean> {
    return this.#change(
      `update ${migrationLockTable} set expires_at = ? where name = ? and owner = ?`,
      expiresAt,
      this.#name,
      this.#owner,
    )
  }

  remove(): Promise<boolean> {
    return this.#change(...this.#removal)
  }

  /** Removes it for good: what was left open on the session is rolled back first, and would take this with it. */
  async removeAtLast(): Promise<boolean> {
    return hasChanged(await this.#session.executeLast(raw(...this.#removal)))
  }

  get #removal(): readonly [sql: string, ...parameters: unknown[]] {
    return [`delete from ${migrationLockTable} where name = ? and owner = ?`, this.#name, this.#owner]
  }

  async #change(...query: Parameters<typeof raw>): Promise<boolean> {
    return hasChanged(await this.#run(...query))
  }

  #run(...query: Parameters<typeof raw>): Promise<QueryResult<unknown>> {
    return this.#session.executeQuery(raw(...query))
  }
}

function raw(sql: string, ...parameters: readonly unknown[]): UpkeepQuery {
  return { ...CompiledQuery.raw(sql, [...parameters]), isUpkeep: true }
}

function hasChanged({ numAffectedRows }: QueryResult<unknown>): boolean {
  return numAffectedRows === 1n
}
