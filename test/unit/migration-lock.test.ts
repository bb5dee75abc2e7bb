import { type Kysely, sql } from 'kysely'
import { openStorage } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { MigrationLock, migrationLockTable } from '../../src/migration-lock.ts'
import type { AnyDatabase } from '../contract/case.ts'
import { firstConnector } from './pool.ts'

const times = { leaseMs: 10_000, renewEveryMs: 5, watchMs: 1_000 }

/** Calls back with a handle as the Migrator has one, and counts what it ran. */
async function withHandle(
  work: (handle: Kysely<AnyDatabase>, renewals: () => number) => Promise<void>,
): Promise<void> {
  let renewals = 0
  await using storage = await openStorage<AnyDatabase>({
    connector: await firstConnector(':memory:'),
    onWarning: () => {},
    log: ({ query }) => {
      if (query.sql.startsWith(`update ${migrationLockTable}`)) renewals++
    },
  })
  await storage.db.connection().execute((handle) => work(handle, () => renewals))
}

async function until(isMet: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 5_000; !isMet() && Date.now() < endMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(isMet()).toBe(true)
}

describe('MigrationLock', () => {
  it('renews its row until it is released, and leaves none', async () => {
    await withHandle(async (handle, renewals) => {
      const lock = new MigrationLock(handle, 'test', times)
      await lock.acquire()
      await until(() => renewals() >= 3)

      await lock.release()

      const renewed = renewals()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(renewals()).toBe(renewed)
      expect((await sql`select * from ${sql.table(migrationLockTable)}`.execute(handle)).rows).toEqual([])
    })
  })

  it('does not go on renewing when it is released while a renewal waits for a transaction', async () => {
    await withHandle(async (handle, renewals) => {
      const lock = new MigrationLock(handle, 'test', times)
      await lock.acquire()
      let release: Promise<void> | undefined

      await handle.transaction().execute(async () => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        release = lock.release()
      })
      await release

      const renewed = renewals()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(renewals()).toBe(renewed)
    })
  })
})
