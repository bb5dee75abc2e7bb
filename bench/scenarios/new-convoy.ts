/**
 * I5 our way: a storage with its defaults.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { betterSqlite3 } from 'unbusy/better-sqlite3'
import { type Hold, watchWriter } from '../watch-writer.ts'
import type { Commit, ConvoySchema, ConvoyWay } from './convoy-way.ts'

/** Opens it. */
export async function openNewConvoy(path: string): Promise<ConvoyWay> {
  let last: Hold | undefined
  const connector = watchWriter(betterSqlite3({ url: `file:${path}` }), (hold) => {
    last = hold
  })
  const storage = await openStorage<ConvoySchema>({ connector })
  const count = storage.prepare((db, { writer }: { writer: number }) =>
    db.updateTable('counter').set({ n: sql`n + 1` }).where('writer', '=', writer),
  )
  const commitOf = (askedAtMs: number): Commit => {
    if (last === undefined) throw new Error('Cannot tell how long the lock was held')
    return { waitMs: last.startedAtMs - askedAtMs, holdMs: last.endedAtMs - last.startedAtMs }
  }
  return {
    async count(writer) {
      const askedAtMs = performance.now()
      await count({ writer })
      return commitOf(askedAtMs)
    },
    async countSlowly(writer, holdMs) {
      const askedAtMs = performance.now()
      await storage.write(async (trx) => {
        await trx.updateTable('counter').set({ n: sql`n + 1` }).where('writer', '=', writer).execute()
        await sleep(holdMs)
      })
      return commitOf(askedAtMs)
    },
    lockCycles: () => storage.stats().lockCycles,
    close: () => storage.close(),
  }
}
