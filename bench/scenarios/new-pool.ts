/**
 * I2 our way: a storage with a budget. Its writer and as many readers as the pool has further connections are opened, and
 * one session does to its connection what makes the library set the pragmas anew.
 *
 * @module
 */
import { sql } from 'kysely'
import { LockTimeoutError, openStorage } from 'unbusy'
import { betterSqlite3 } from 'unbusy/better-sqlite3'
import type { PoolWay } from './pool-way.ts'

interface NativeDatabase {
  pragma(text: string, options?: { readonly simple: true }): unknown
}

/** Opens it, with so many connections: 3 or more. */
export async function openNewPool(path: string, size: number, budgetMs: number): Promise<PoolWay> {
  const natives: NativeDatabase[] = []
  const storage = await openStorage<{ event: { id: string } }>({
    connector: betterSqlite3({ url: `file:${path}` }),
    lockTimeoutMs: budgetMs,
    maxReaders: Math.max(2, size - 1),
    onConnection: ({ native }) => void natives.push(native as NativeDatabase),
  })
  const { db } = storage
  // The standing reader, and one for each read-only transaction.
  await db.selectFrom('event').selectAll().limit(1).execute()
  await openReaders(size - 2)
  await db.connection().execute(async (session) => {
    for (const native of natives.slice(0, 1)) native.pragma('busy_timeout = 5000')
    await sql`pragma cache_size = -4000`.execute(session)
  })

  async function openReaders(count: number): Promise<void> {
    let open = 0
    const { promise: allOpen, resolve } = Promise.withResolvers<void>()
    const read = (): Promise<void> =>
      db
        .transaction()
        .setAccessMode('read only')
        .execute(async (trx) => {
          await trx.selectFrom('event').selectAll().limit(1).execute()
          open++
          if (open === count) resolve()
          await allOpen
        })
    await Promise.all(Array.from({ length: count }, read))
  }

  return {
    write: (id) => db.insertInto('event').values({ id }).execute(),
    isTimeout: (error) => error instanceof LockTimeoutError,
    busyTimeoutsMs: async () =>
      natives.map((native) => Number(native.pragma('busy_timeout', { simple: true }))),
    lockCycles: () => storage.stats().lockCycles,
    close: () => storage.close(),
  }
}
