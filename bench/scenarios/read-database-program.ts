/**
 * Prints what the database holds after a run, seen by a process of its own, with another driver than the servers'.
 *
 * @module
 */
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import type { StoredLine } from './stored.ts'

const database = new DatabaseSync(process.argv[2] ?? '', { timeout: 10_000 })
const stored: StoredLine = {
  machines: all<[string]>('select id from machine').flat(),
  sessions: all<[string, number]>('select id, last_active_at from session'),
  usage: all<[string, number]>('select id, created_at from request_usage'),
}
database.close()
console.log(JSON.stringify(stored))

function all<Row extends readonly unknown[]>(sql: string): Row[] {
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  return statement.all() as unknown as Row[]
}
