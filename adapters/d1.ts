/**
 * The connector of Cloudflare D1, for Workers and Durable Objects.
 *
 * @module
 */
import type { Connection, Connector } from '../src/connector.ts'
import { ConfigError, UnsupportedError } from '../src/errors.ts'
import { D1Connection, type D1DatabaseLike } from './_d1-connection.ts'
import { d1OutcomeOf, d1ResultCodeOf } from './_d1-errors.ts'
import { checkRequestTimeout } from './_request-timeout.ts'

export type { D1DatabaseLike, D1StatementLike } from './_d1-connection.ts'

/** Options of {@linkcode d1}. */
export interface D1Options {
  /** The binding, such as `env.DB`. */
  readonly database: D1DatabaseLike
  /**
   * How long D1 may take to answer one request, in milliseconds; it stops a query after 30 seconds itself. A write that was
   * not answered in time is an {@linkcode OutcomeUnknownError}.
   * @default {30_000}
   */
  readonly requestTimeoutMs?: number
}

/** Parameters of one statement (https://developers.cloudflare.com/d1/platform/limits/). */
const maxParameters = 100
/** Bytes of one text or blob, from the same list. */
const maxValueBytes = 2_000_000

/**
 * Opens a D1 database by its binding. It is tier C of the contract:
 *
 * - Writes that wait together, and `storage.batch()`, go to D1 in one request each, all or nothing.
 * - There are no interactive transactions: `db.transaction()`, `storage.write()` and raw BEGIN reject with
 *   {@linkcode UnsupportedError}. In `db.connection()` every statement is a request of its own.
 * - Numbers bind as REAL: a column without INTEGER or NUMERIC affinity keeps them so, and in a TEXT column 1 is '1.0'.
 *   Integers beyond 2^53 are refused when bound, and D1 itself rounds them when they are read.
 * - Statements have 100 parameters at most; the bulk verbs and buffers see to that, other queries fail beyond it.
 *
 * A Worker must not use what belongs to one request in another: open a storage for each request and close it before the
 * answer, or in `ctx.waitUntil()`; that sends nothing but `select 1`. Buffers and whatever else is to live longer than a request
 * belong into a Durable Object.
 *
 * @throws {ConfigError} If `database` is no D1 binding.
 * @throws {RangeError} If `requestTimeoutMs` is no time to wait.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { d1 } from 'unbusy/d1'
 *
 * export default {
 *   async fetch(request: Request, env: Env): Promise<Response> {
 *     await using storage = await openStorage<Database>({ connector: d1({ database: env.DB }) })
 *     return Response.json(await storage.db.selectFrom('note').selectAll().execute())
 *   },
 * }
 * ```
 */
export function d1(options: D1Options): Connector {
  const { database, requestTimeoutMs = 30_000 } = options ?? {}
  if (typeof database?.prepare !== 'function' || typeof database.batch !== 'function') {
    throw new ConfigError(
      'Cannot use d1 as its database is no D1 binding: it must be like env.DB of a Worker',
    )
  }
  checkRequestTimeout(requestTimeoutMs)
  return {
    name: 'd1',
    location: 'the D1 binding',
    capabilities: {
      singleConnection: false,
      autocommit: true,
      remote: true,
      interactiveTransactions: false,
      maxParameters,
      maxValueBytes,
      // Asking for the columns of `_cf_METADATA` is "not authorized".
      reservedTablePrefix: '_cf_',
    },
    connect(_role, { integers }): Connection {
      // D1 parses its answers as JSON: what is INTEGER and what REAL cannot be told there.
      if (integers === 'auto') return new D1Connection(database, requestTimeoutMs)
      throw new UnsupportedError(
        `Cannot read integers as '${integers}' as D1 gives plain numbers: 'auto' is what it can`,
      )
    },
    resultCodeOf: d1ResultCodeOf,
    outcomeOf: d1OutcomeOf,
    nextTurn: () => new Promise((resolve) => setTimeout(resolve, 0)),
  }
}
