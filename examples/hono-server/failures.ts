/**
 * What a client gets to know when a request fails. What is not its mistake, and not a matter of waiting, is logged here
 * and answered without details.
 *
 * @module
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import {
  ConstraintError,
  FileReplacedError,
  LockTimeoutError,
  OutcomeUnknownError,
  QueueFullError,
  RemoteError,
  StorageClosedError,
} from 'unbusy'
import { InvalidParamsError } from './validation.ts'

/** The answer to a request whose handler threw. */
export function failureResponse(error: unknown, c: Context): Response {
  if (error instanceof HTTPException) return error.getResponse()
  if (error instanceof InvalidParamsError)
    return c.json({ error: 'invalid-params', reason: error.message }, 400)
  if (error instanceof LockTimeoutError) return tryAgain(c, 'busy', `${waitedFor(error)}; nothing was stored`)
  if (error instanceof QueueFullError)
    return tryAgain(c, 'overloaded', 'too many writes are waiting; nothing was stored')
  if (error instanceof StorageClosedError)
    return tryAgain(c, 'closing', 'the server is stopping; nothing was stored')
  if (error instanceof FileReplacedError)
    return tryAgain(
      c,
      'unavailable',
      'the database was deleted or replaced; the server has to be started anew',
    )
  // Of a libSQL server only. Every write here can be sent again: by id, tag, key or compare-and-set it is applied once.
  if (error instanceof OutcomeUnknownError)
    return tryAgain(c, 'outcome-unknown', 'the answer of the database was lost; send it again')
  if (error instanceof ConstraintError) return c.json({ error: 'conflict', reason: error.code }, 409)

  console.error(`${c.req.method} ${c.req.path} failed:`, error)
  return c.json({ error: 'internal' }, 500)
}

/** What a budget was over for. */
export function waitedFor({ cause }: LockTimeoutError): string {
  if (cause instanceof RemoteError) return 'the server of the database could not be used'
  return cause === undefined ? 'other writes were not through' : 'the database stayed locked'
}

/** The answer where waiting helps: 503, and when to come back. */
export function tryAgain(c: Context, error: string, reason: string): Response {
  return c.json({ error, reason }, 503, { 'retry-after': '1' })
}
