/**
 * The row that is the migration lock, as its statements: each does one thing at once, or nothing.
 *
 * @module
 */
import { CompiledQuery, type Kysely, type QueryResult } from 'kysely'

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
  readonly #db: Kysely<unknown>
  readonly #name: string
  readonly #owner: string = crypto.randomUUID()

  constructor(db: Kysely<unknown>, name: string) {
    this.#db = db
    this.#name = name
  }

  async createTable(): Promise<void> {
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
    return this.#change(
      `delete from ${migrationLockTable} where name = ? and owner = ?`,
      this.#name,
      this.#owner,
    )
  }

  async #change(sql: string, ...parameters: readonly unknown[]): Promise<boolean> {
    const { numAffectedRows } = await this.#run(sql, ...parameters)
    return numAffectedRows === 1n
  }

  #run(sql: string, ...parameters: readonly unknown[]): Promise<QueryResult<unknown>> {
    return this.#db.executeQuery(CompiledQuery.raw(sql, [...parameters]))
  }
}
