/**
 * The tables of the scenarios: the demo's, and two that it does not have. Times are ms since the epoch.
 *
 * @module
 */
import type { Database as DemoDatabase } from '../../examples/hono-server/schema.ts'

/** What both sides' servers work on. */
export interface Database extends DemoDatabase {
  readonly request_usage: {
    readonly id: string
    readonly tokens: number
    /** When the request was made. */
    readonly created_at: number
  }
  /** What the foreign writer writes. */
  readonly foreign_row: { readonly id: number; readonly batch: string }
}

/** The name of a session that is stored before a run. */
export function sessionId(index: number): string {
  return `session-${index}`
}
