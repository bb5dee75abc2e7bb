/**
 * I1 the old way: plain Kysely on better-sqlite3 with a busy timeout, presence in memory, and a tick that writes one
 * `UPDATE` per active session, one after the other, on the connection of the registrations.
 *
 * @module
 */
import process from 'node:process'
import BetterSqlite3 from 'better-sqlite3'
import { Hono } from 'hono'
import { Kysely, SqliteDialect } from 'kysely'
import type { MachineRow } from '../../examples/hono-server/schema.ts'
import { flushEveryMs, type Presence, type Registration } from './presence.ts'
import type { Database } from './schema.ts'
import { printLine, serve } from './serve.ts'

const sqlite = new BetterSqlite3(process.argv[2], { timeout: 5_000 })
sqlite.pragma('journal_mode = wal')
sqlite.pragma('synchronous = normal')

// Every statement commits by itself, so that each is a lock cycle.
let lockCycles = 0
const db = new Kysely<Database>({
  dialect: new SqliteDialect({ database: sqlite }),
  log: ({ level }) => {
    if (level === 'query') lockCycles++
    // A flush of thousands does not let a timer run: it may be killed in the middle.
    if (lockCycles % 100 === 0) printLine({ lockCycles })
  },
})

/** The freshest heartbeat of each session: what comes out of order is not held against the old way. */
const seen = new Map<string, number>()
const pending = new Set<string>()
let flushing: Promise<void> | undefined
const tick = setInterval(() => {
  flushing ??= flush().finally(() => {
    flushing = undefined
  })
}, flushEveryMs)

async function flush(): Promise<void> {
  const sessions = [...pending]
  let flushed = 0
  for (const id of sessions) {
    const time = seen.get(id) ?? 0
    try {
      await db.updateTable('session').set({ active: 1, last_active_at: time }).where('id', '=', id).execute()
      if (seen.get(id) === time) pending.delete(id)
      flushed++
    } catch (error) {
      console.error(error)
    }
  }
  console.error(`Flushed ${flushed}/${sessions.length} session updates`)
}

const app = new Hono()
app.get('/healthz', (c) => c.json({ status: 'ok' }))
app.post('/v1/presence', async (c) => {
  const { heartbeats } = await c.req.json<Presence>()
  for (const { sid, time } of heartbeats) {
    if (time <= (seen.get(sid) ?? 0)) continue
    seen.set(sid, time)
    pending.add(sid)
  }
  return c.json({ accepted: heartbeats.length, dropped: [] })
})
app.post('/v1/machines', async (c) => {
  const { id, metadata } = await c.req.json<Registration>()
  const machine = await db
    .insertInto('machine')
    .values(newMachine(id, metadata))
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ metadata }))
    .returningAll()
    .executeTakeFirstOrThrow()
  return c.json({ machine })
})

function newMachine(id: string, metadata: string): MachineRow {
  const nowMs = Date.now()
  return {
    id,
    metadata,
    metadata_version: 1,
    daemon_state: null,
    daemon_state_version: 0,
    data_encryption_key: null,
    seq: 0,
    active: 0,
    last_active_at: nowMs,
    revoked_at: null,
    created_at: nowMs,
    updated_at: nowMs,
  }
}

await serve({
  app,
  lockCycles: () => lockCycles,
  async close() {
    clearInterval(tick)
    await flushing
    await flush()
    await db.destroy()
  },
})
