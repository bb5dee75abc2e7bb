/**
 * I4 the old way: each request writes its row on the request path, and a row that meets a locked database is dropped.
 *
 * @module
 */
import process from 'node:process'
import BetterSqlite3 from 'better-sqlite3'
import { Hono } from 'hono'
import { serve } from './serve.ts'
import { askModel, type Completion } from './usage.ts'

const sqlite = new BetterSqlite3(process.argv[2], { timeout: 1_000 })
sqlite.pragma('journal_mode = wal')
sqlite.pragma('synchronous = normal')
const insert = sqlite.prepare('insert into request_usage (id, tokens, created_at) values (?, ?, ?)')
let lockCycles = 0

const app = new Hono()
app.get('/healthz', (c) => c.json({ status: 'ok' }))
app.post('/v1/completions', async (c) => {
  const completion = await c.req.json<Completion>()
  const { text, tokens } = await askModel(completion)
  try {
    insert.run(completion.requestId, tokens, Date.now())
    lockCycles++
  } catch (error) {
    // The client has its answer to get, whatever becomes of the accounting.
    console.error(`Dropped a usage row: ${error}`)
  }
  return c.json({ text })
})

await serve({
  app,
  lockCycles: () => lockCycles,
  async close() {
    sqlite.close()
  },
})
