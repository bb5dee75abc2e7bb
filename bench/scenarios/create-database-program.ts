/**
 * Makes the database of a run: the demo's tables, those of the scenarios, and sessions that nobody has heard of yet.
 *
 * @module
 */
import process from 'node:process'
import { openDatabase } from '../../examples/hono-server/database.ts'
import type { SessionRow } from '../../examples/hono-server/schema.ts'
import { sessionId } from './schema.ts'

const [path = '', sessions = '0'] = process.argv.slice(2)
const { storage } = await openDatabase({ url: `file:${path}` })
await storage.db.schema
  .createTable('request_usage')
  .addColumn('id', 'text', (column) => column.primaryKey().notNull())
  .addColumn('tokens', 'integer', (column) => column.notNull())
  .addColumn('created_at', 'integer', (column) => column.notNull())
  .execute()
await storage.db.schema
  .createTable('foreign_row')
  .addColumn('id', 'integer', (column) => column.primaryKey())
  .addColumn('batch', 'text', (column) => column.notNull())
  .execute()
const rows = Array.from({ length: Number(sessions) }, (_, index) => silentSession(sessionId(index)))
await storage.repository('session', { key: 'id' }).insertMany(rows, { atomic: true })
await storage.close()
console.log('"created"')

function silentSession(id: string): SessionRow {
  const nowMs = Date.now()
  return {
    id,
    tag: id,
    seq: 0,
    metadata: '{}',
    metadata_version: 1,
    agent_state: null,
    agent_state_version: 0,
    active: 0,
    last_active_at: nowMs,
    ended_at: null,
    created_at: nowMs,
    updated_at: nowMs,
  }
}
