/**
 * I3 our way: the bun-sqlite connector with its defaults. Each statement names what it owns: its columns, and its rows.
 *
 * @module
 */
import { openStorage } from 'unbusy'
import { bunSqlite } from 'unbusy/bun-sqlite'
import type { StormSchema, StormWay } from './storm-way.ts'

/** Opens it. */
export async function openNewStorm(path: string): Promise<StormWay> {
  const storage = await openStorage<StormSchema>({ connector: bunSqlite({ url: `file:${path}` }) })
  const { db } = storage
  return {
    register: (session, owner) =>
      db
        .insertInto('presence')
        .values({ session, owner })
        .onConflict((conflict) => conflict.column('session').doUpdateSet({ owner }))
        .execute(),
    heartbeat: (session) =>
      db.updateTable('session').set({ last_active_at: Date.now() }).where('id', '=', session).execute(),
    record: (id) => db.insertInto('event').values({ id }).execute(),
    async leave(session, owner) {
      const { numDeletedRows } = await db
        .deleteFrom('presence')
        .where('session', '=', session)
        .where('owner', '=', owner)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    lockCycles: () => storage.stats().lockCycles,
    close: () => storage.close(),
  }
}
