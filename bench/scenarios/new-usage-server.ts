/**
 * I4 our way: each request hands its row to a bounded queue, which a background writer empties and SIGTERM drains.
 *
 * @module
 */
import process from 'node:process'
import { Hono } from 'hono'
import { openStorage } from 'unbusy'
import { betterSqlite3 } from 'unbusy/better-sqlite3'
import type { Database } from './schema.ts'
import { serve } from './serve.ts'
import { askModel, type Completion } from './usage.ts'

const storage = await openStorage<Database>({ connector: betterSqlite3({ url: `file:${process.argv[2]}` }) })
const usage = storage.append({
  table: 'request_usage',
  idempotencyKey: 'id',
  overflow: 'reject',
  lockTimeoutMs: 5_000,
  onDrop: ({ reason, error }) => console.error(`Dropped a usage row, ${reason}:`, error),
})

const app = new Hono()
app.get('/healthz', (c) => c.json({ status: 'ok' }))
app.post('/v1/completions', async (c) => {
  const requestedAtMs = Date.now()
  const completion = await c.req.json<Completion>()
  const { text, tokens } = await askModel(completion)
  const { accepted } = usage.push({ id: completion.requestId, tokens, created_at: requestedAtMs })
  // What is not counted is not given away.
  if (!accepted) return c.json({ error: 'usage-queue-full' }, 503)
  return c.json({ text })
})

await serve({ app, lockCycles: () => storage.stats().lockCycles, close: () => storage.close() })
