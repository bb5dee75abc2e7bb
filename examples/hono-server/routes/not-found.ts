/**
 * The answer for what is not there.
 *
 * @module
 */
import type { Context } from 'hono'

/** 404 with a name. */
export function notFound(c: Context, error: string): Response {
  return c.json({ error }, 404)
}
