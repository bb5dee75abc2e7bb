/**
 * What Kysely asks of a dialect beside running queries.
 *
 * @module
 */
import { type Kysely, type MigrationLockOptions, SqliteAdapter } from 'kysely'
import type { MigrationLock, MigrationLockTimes } from './migration-lock.ts'

/** Tells Kysely that ordering is ours, and locks migrations with a row. */
export class UnbusyAdapter extends SqliteAdapter {
  readonly #lockTimes: MigrationLockTimes | undefined
  readonly #locks = new WeakMap<object, MigrationLock>()

  constructor(lockTimes?: MigrationLockTimes) {
    super()
    this.#lockTimes = lockTimes
  }

  /** Kysely's own mutex wakes every waiter at each unlock, which is O(n²), and would let readers wait for the writer. */
  override get supportsMultipleConnections(): boolean {
    return true
  }

  /** False although SQLite can: true would run all migrations in one transaction, where `foreign_keys` cannot be set. */
  override get supportsTransactionalDdl(): boolean {
    return false
  }

  // biome-ignore lint/suspicious/noExplicitAny: the signature is Kysely's
  override async acquireMigrationLock(db: Kysely<any>, options: MigrationLockOptions): Promise<void> {
    const { MigrationLock } = await import('./migration-lock.ts')
    this.#locks.set(db, await MigrationLock.acquire(db, options.lockTable, this.#lockTimes))
  }

  /** Called by Kysely even if the lock could not be taken. */
  // biome-ignore lint/suspicious/noExplicitAny: the signature is Kysely's
  override async releaseMigrationLock(db: Kysely<any>, _options: MigrationLockOptions): Promise<void> {
    await this.#locks.get(db)?.release()
    this.#locks.delete(db)
  }
}
