/**
 * One migrating process at a time (contract C14). The lock is a row with an owner and an expiry, never an open
 * transaction: inside one, `PRAGMA foreign_keys=off` silently does nothing and a table rebuild deletes the children.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import { LockTimeoutError, UnbusyError } from './errors.ts'
import { systemClock } from './time/clock.ts'
import { type LockRow, OwnLockRow } from './transactions/migration-lock-row.ts'
import type { Session } from './transactions/session.ts'
import { sessionBehind } from './transactions/session-behind.ts'

/**
 * When an owner counts as dead: when the row stayed unrenewed before our eyes, for a time on our own clock that never
 * jumps, while SQLite's lock was free. A migration in one long statement cannot renew the row, but holds that lock, and
 * renews the row as soon as the statement is done. The wall clocks of the owner and of ours may be hours apart: they only
 * tell how long to watch.
 *
 * An owner that was taken for dead may have been stopped, or have computed without a pause: it asks before its next
 * statement, and runs none any more. Else it would drop, half-way through a rebuild, the table that its successor has
 * built.
 */
export interface MigrationLockTimes {
  /** So long after its last renewal the row has expired, by the wall clock; one that has not is watched for so long, */
  readonly leaseMs: number
  readonly renewEveryMs: number
  /** and one that has expired for so long: several renewals, as our wall clock may be ahead of an owner that lives. */
  readonly watchMs: number
}

/** How it is done if nothing else is said. */
export const migrationLockTimes: MigrationLockTimes = {
  leaseMs: 10_000,
  renewEveryMs: 1_000,
  watchMs: 3_000,
}
const pollEveryMs = 50

/** The migration lock of one Migrator run. */
export class MigrationLock {
  readonly #session: Session
  /** Whether what is open on the session when the lock is released was begun under it. */
  readonly #ownsTransactions: boolean
  readonly #row: OwnLockRow
  readonly #times: MigrationLockTimes
  #renewal: ReturnType<typeof setTimeout> | undefined
  /** When the last renewal began that came through: no later than others see it. */
  #renewedAtMs = 0
  /** While a statement waits for one. */
  #checking: Promise<void> | undefined
  #isReleased = false
  #isLost = false

  private constructor(session: Session, name: string, times: MigrationLockTimes) {
    this.#session = session
    this.#ownsTransactions = !session.isInTransaction
    this.#row = new OwnLockRow(session, name)
    this.#times = times
  }

  /**
   * Waits until the lock is ours: until its owner releases it, or is seen to be dead.
   *
   * @param db The Migrator's own handle, bound to one session. Later it is not asked again: a renewal that stood in line
   * behind the transaction that waits for it would wait for ever.
   */
  static async acquire(
    db: Kysely<unknown>,
    name: string,
    times: MigrationLockTimes = migrationLockTimes,
  ): Promise<MigrationLock> {
    const session = await db.getExecutor().provideConnection(sessionBehind)
    const lock = new MigrationLock(session, name, times)
    await lock.#acquire()
    return lock
  }

  async #acquire(): Promise<void> {
    // Migrations change pragmas and tables: from here on the writer is this session's alone.
    this.#session.pin()
    this.#session.liftTimeLimit()
    await this.#row.createTable()
    const { leaseMs, watchMs } = this.#times
    let seen: LockRow | undefined
    let lookedAtMs = systemClock.now()
    let watchedMs = 0
    while (true) {
      const hasExpired = seen !== undefined && seen.expires_at < Date.now()
      const isDead = watchedMs >= (hasExpired ? watchMs : leaseMs)
      const isTaken = await this.#take(isDead ? seen : undefined)
      if (isTaken) break
      const row = await this.#row.read()
      const nowMs = systemClock.now()
      const isSame = row?.owner === seen?.owner && row?.expires_at === seen?.expires_at
      // A long time between two looks went into waiting for SQLite's lock, so somebody was at work; or the machine slept.
      // It counts in part: with a server that is slow they all are long.
      const lookMs = Math.min(nowMs - lookedAtMs, watchMs / 3)
      watchedMs = isSame && isTaken !== undefined ? watchedMs + lookMs : 0
      seen = row
      lookedAtMs = nowMs
      await new Promise((resolve) => setTimeout(resolve, pollEveryMs))
    }
    this.#renewedAtMs = lookedAtMs
    this.#scheduleRenewal()
    // What undoes is never refused.
    this.#session.guard = ({ sql }) => (sql.startsWith('rollback') ? undefined : this.#assertNotLost())
  }

  /** @throws {UnbusyError} If another process had taken the lock over in the meantime. */
  async release(): Promise<void> {
    this.#isReleased = true
    clearTimeout(this.#renewal)
    const wasOurs = await (this.#ownsTransactions ? this.#row.removeAtLast() : this.#row.remove())
    if (!wasOurs || this.#isLost) throw this.#lostError()
  }

  /** Asks where others may have taken the lock over since the last renewal. */
  #assertNotLost(): Promise<void> | undefined {
    const isFresh = systemClock.now() - this.#renewedAtMs < this.#times.renewEveryMs
    if (this.#isReleased || (isFresh && !this.#isLost)) return this.#checking
    this.#checking ??= this.#renew().then((failure) => {
      this.#checking = undefined
      if (this.#isLost) throw this.#lostError()
      // Nobody can tell whose the lock is: the server is away, say, and others may reach it. A transaction has SQLite's own.
      const isOld = systemClock.now() - this.#renewedAtMs >= this.#times.watchMs
      if (failure !== undefined && isOld && !this.#session.isInTransaction) throw failure.error
    })
    return this.#checking
  }

  #lostError(): UnbusyError {
    return new UnbusyError(
      `Cannot vouch for these migrations as another process took the migration lock over after ${this.#times.leaseMs} ms without a sign of life: check the schema`,
    )
  }

  /** Takes the lock where there is none, or from an owner that is dead; `undefined` if SQLite's was not free in time. */
  async #take(dead: LockRow | undefined): Promise<boolean | undefined> {
    try {
      return await this.#row.take(Date.now() + this.#times.leaseMs, dead)
    } catch (error) {
      // A migration elsewhere in one statement longer than the budget is no reason to fail here.
      if (error instanceof LockTimeoutError) return undefined
      throw error
    }
  }

  #scheduleRenewal(): void {
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => void this.#renew(), this.#times.renewEveryMs)
  }

  /** Answers why it could not be done; whether the lock still is ours shows at the next one, or at release. */
  async #renew(): Promise<{ readonly error: unknown } | undefined> {
    if (this.#isLost) return undefined
    const nowMs = systemClock.now()
    let failure: { readonly error: unknown } | undefined
    try {
      if (await this.#row.renew(Date.now() + this.#times.leaseMs)) this.#renewedAtMs = nowMs
      else this.#isLost = true
    } catch (error) {
      // A migration's own transaction may have ended badly.
      failure = { error }
    }
    if (!this.#isReleased && !this.#isLost) this.#scheduleRenewal()
    return failure
  }
}
