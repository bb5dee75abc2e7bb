import { type Kysely, sql } from 'kysely'
import { OuterWriteError, openStorage, TransactionEndedError } from 'unbusy'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MigrationLock, migrationLockTimes } from '../../src/migration-lock.ts'
import { migrationLockTable } from '../../src/transactions/migration-lock-row.ts'
import type { AnyDatabase } from '../contract/case.ts'
import { rejection } from '../contract/note.ts'
import { firstConnector } from './pool.ts'

const times = { leaseMs: 10_000, renewEveryMs: 5, watchMs: 1_000 }

/** Calls back with a handle as the Migrator has one, and counts what it ran. */
async function withHandle(
  work: (handle: Kysely<AnyDatabase>, renewals: () => number, outer: Kysely<AnyDatabase>) => Promise<void>,
): Promise<void> {
  let renewals = 0
  await using storage = await openStorage<AnyDatabase>({
    connector: await firstConnector(':memory:'),
    onWarning: () => {},
    log: ({ query }) => {
      if (query.sql.startsWith(`update ${migrationLockTable}`)) renewals++
    },
  })
  await storage.db.connection().execute((handle) => work(handle, () => renewals, storage.db))
}

/** A lock row of another process. */
function foreignRow(handle: Kysely<AnyDatabase>, expiresAtMs: number): Promise<unknown> {
  const table = sql.table(migrationLockTable)
  return sql`insert into ${table} (name, owner, expires_at) values ('test', 'another', ${expiresAtMs})`.execute(
    handle,
  )
}

/** From now on the wall clock is hours ahead or behind, another way at each look. */
function jumpingDate(): void {
  const realNow = Date.now
  let looks = 0
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ((++looks % 3) - 1) * 3 * 3_600_000)
  onTestFinished(() => spy.mockRestore())
}

async function until(isMet: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 5_000; !isMet() && Date.now() < endMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(isMet()).toBe(true)
}

/** What has the Migrator's connection for itself. */
const ways: readonly (readonly [
  name: string,
  execute: (
    handle: Kysely<AnyDatabase>,
    work: (inner: Kysely<AnyDatabase>) => Promise<void>,
  ) => Promise<void>,
])[] = [
  ['a transaction', (handle, work) => handle.transaction().execute(work)],
  [
    'a read-only transaction',
    (handle, work) => handle.transaction().setAccessMode('read only').execute(work),
  ],
  ['a connection', (handle, work) => handle.connection().execute(work)],
]

describe('MigrationLock', () => {
  it('renews its row until it is released, and leaves none', async () => {
    await withHandle(async (handle, renewals) => {
      const lock = await MigrationLock.acquire(handle, 'test', times)
      await until(() => renewals() >= 3)

      await lock.release()

      const renewed = renewals()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(renewals()).toBe(renewed)
      expect((await sql`select * from ${sql.table(migrationLockTable)}`.execute(handle)).rows).toEqual([])
    })
  })

  it.each(ways)('lets %s go on for longer than it is from one renewal to the next', async (_way, execute) => {
    await withHandle(async (handle, renewals) => {
      const lock = await MigrationLock.acquire(handle, 'test', { ...times, watchMs: times.renewEveryMs })
      await sql`create table thing (n integer)`.execute(handle)

      await execute(handle, async (inner) => {
        for (let statement = 1; statement <= 3; statement++) {
          const before = renewals()
          await until(() => renewals() > before)
          await new Promise((resolve) => setTimeout(resolve, 2 * times.renewEveryMs))
          await sql`select * from thing`.execute(inner)
        }
      })

      await lock.release()
    })
  })

  it('renews without a sign of life: a migration that awaits a write of the outer db is told so', async () => {
    await withHandle(async (handle, _renewals, outer) => {
      const lock = await MigrationLock.acquire(handle, 'test', times)

      const error = await rejection(sql`create table thing (n integer)`.execute(outer))

      expect(error).toBeInstanceOf(OuterWriteError)
      await lock.release()
    })
  })

  it('does not go on renewing when it is released inside a transaction, which ends with that', async () => {
    await withHandle(async (handle, renewals) => {
      const lock = await MigrationLock.acquire(handle, 'test', times)
      let release: Promise<void> | undefined

      const transaction = handle.transaction().execute(async () => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        release = lock.release()
      })
      expect(await rejection(transaction)).toBeInstanceOf(TransactionEndedError)
      await release

      const renewed = renewals()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(renewals()).toBe(renewed)
    })
  })

  it('takes over from an owner that is dead, whose clock was hours ahead', async () => {
    await withHandle(async (handle) => {
      const quick = { leaseMs: 600, renewEveryMs: 20, watchMs: 400 }
      const first = await MigrationLock.acquire(handle, 'test', quick)
      await first.release()
      await foreignRow(handle, Date.now() + 3 * 3_600_000)
      const second = await MigrationLock.acquire(handle, 'test', quick)

      await second.release()
    })
  })

  it('is not taken from an owner that renews it while the wall clock jumps', async () => {
    await withHandle(async (handle) => {
      const lock = await MigrationLock.acquire(handle, 'test', times)
      await lock.release()
      // Long over, by a clock that is ahead.
      const expiresAtMs = Date.now() - 10_000
      await foreignRow(handle, expiresAtMs)
      jumpingDate()
      let isTaken = false
      const acquired = MigrationLock.acquire(handle, 'test', times).then(() => {
        isTaken = true
      })

      const table = sql.table(migrationLockTable)
      for (let renewal = 1; renewal <= 3; renewal++) {
        await new Promise((resolve) => setTimeout(resolve, 200))
        await sql`update ${table} set expires_at = ${expiresAtMs + renewal} where owner = 'another'`.execute(
          handle,
        )
      }
      expect(isTaken).toBe(false)
      await sql`delete from ${table}`.execute(handle)
      await acquired
    })
  })

  it('watches for several renewals before it takes over', () => {
    const { leaseMs, renewEveryMs, watchMs } = migrationLockTimes
    expect(watchMs).toBeGreaterThanOrEqual(3 * renewEveryMs)
    expect(leaseMs).toBeGreaterThan(watchMs)
  })
})
