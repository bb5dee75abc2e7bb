/**
 * What the errors of a libSQL server and of the way to it mean: the table that contracts C9 and C16 rest on. The client
 * gives a code of its own, of SQLite or of the server; `fetch` gives what the runtime has.
 *
 * @module
 */
import type { Outcome } from '../src/errors/outcome.ts'
import { UnbusyError, UnsupportedError } from '../src/errors.ts'
import { resultCodeOf } from '../src/result-code.ts'
import { anyResultCodeOf } from './_any-result-code.ts'
import { isUntrusted, wasNeverSent } from './_failed-connections.ts'
import { missingPermission } from './_permission.ts'

/** By the code of the client's error. What is not here, and not SQLite's, may have been applied. */
const outcomeByCode: Readonly<Record<string, Outcome>> = {
  // Another writer has the database, and the server does not let this one wait any longer.
  TRANSACTION_BUSY: 'not-applied',
  // After 10 s without a request; after 5 s with the lock while another writer waits.
  STREAM_EXPIRED: 'rolled-back',
  TRANSACTION_TIMEOUT: 'rolled-back',
  TRANSACTION_CLOSED: 'rolled-back',
  // The answer is not cut but refused, with all that the batch did.
  RESPONSE_TOO_LARGE: 'refused',
  BLOCKED: 'refused',
  CLIENT_CLOSED: 'not-applied',
  WEBSOCKETS_NOT_SUPPORTED: 'refused',
}

/** The server restarted, or its stream expired so long ago that it does not know it any more. */
const lostStream = /baton/i

/** SQLite's kinds of constraints, which the server tells in words alone; a PRIMARY KEY is UNIQUE to them. */
const constraints: readonly (readonly [text: string, code: number])[] = [
  ['UNIQUE constraint failed', 2067],
  ['NOT NULL constraint failed', 1299],
  ['FOREIGN KEY constraint failed', 787],
  ['CHECK constraint failed', 275],
  ['cannot store ', 3091],
]

/** Values that the statement did not get: it did not run. sqld takes none that is longer than its limit. */
const argumentsInvalid = 'ARGS_INVALID'

/**
 * A replica had its primary run the statement, and that answered with an error: nothing was lost on the way. What it was is
 * told in words alone.
 */
const answerOfPrimary = 'PROXY_ERROR'

/** Those of its words that are not SQLite's. */
const outcomesOfPrimary: readonly (readonly [words: RegExp, outcome: Outcome])[] = [
  [/: Transaction timed.out$/, 'rolled-back'],
  [/: Server can't handle additional transactions$/, 'not-applied'],
]

/** What gateways say of a long request: a shorter one passes. */
const contentTooLarge = 413

const genericError = 1
const tooBigError = 18
const constraintError = 19

interface ClientError {
  readonly code?: unknown
  readonly cause?: unknown
  readonly message?: unknown
}

/** What became of a request by its error alone; `undefined` for an answer of SQLite, or a mistake of the caller. */
export function outcomeOf(error: unknown): Outcome | undefined {
  // What cannot be sent at all is refused here, before any request.
  if (error instanceof UnbusyError || error instanceof RangeError) return undefined
  const { code, message } = (error ?? {}) as ClientError
  const status = statusOf(error)
  const ofPrimary = outcomesOfPrimary.find(
    ([words]) => code === answerOfPrimary && words.test(String(message)),
  )
  if (ofPrimary !== undefined) return ofPrimary[1]
  if (isSqlError(code) || status === contentTooLarge) return undefined
  if (code === 'SERVER_ERROR') return outcomeOfStatus(status, String(message))
  if (typeof code === 'string' && code.startsWith('AUTH')) return 'refused'
  if (missingPermission(error) !== undefined || isUntrusted(error)) return 'refused'
  if (wasNeverSent(error)) return 'not-applied'
  return (typeof code === 'string' ? outcomeByCode[code] : undefined) ?? 'unknown'
}

/** JSON has no infinity: a server answers null in its place, and the client takes that for a breach of the protocol. */
const nullForInfinity = /Expected number, received null/

/** What a read failed with: one whose answer can never be read is not sent again, as it would end so each time. */
export function remoteReadError(error: unknown): unknown {
  const { code, message } = (error ?? {}) as ClientError
  if (code !== 'HRANA_PROTO_ERROR' || !nullForInfinity.test(String(message))) return error
  const what = 'Cannot read an infinite number from a server as its answers are JSON: cast it to text'
  return new UnsupportedError(what, { cause: error })
}

/** The extended result code of an answer of SQLite behind the server. */
export function remoteResultCodeOf(error: unknown): number | undefined {
  const { code, message } = (error ?? {}) as ClientError
  if (statusOf(error) === contentTooLarge) return tooBigError
  if (error instanceof UnbusyError || !isSqlError(code)) return resultCodeOf(error)
  if (code === answerOfPrimary) return anyResultCodeOf({ message: inWordsOfPrimary(message) }) ?? genericError
  if (code === argumentsInvalid) return /too big/.test(String(message)) ? tooBigError : genericError
  const resultCode = resultCodeOf(error) ?? genericError
  if (resultCode !== constraintError) return resultCode
  return constraints.find(([text]) => String(message).includes(text))?.[1] ?? resultCode
}

/** The client puts the code in front, and once more. */
function inWordsOfPrimary(message: unknown): string {
  return String(message).replace(/^.*?: error executing a request on the primary: /, '')
}

/** SQLITE_… is SQLite's own code, SQL_… what the server says of a text that it does not take; one is about values. */
function isSqlError(code: unknown): code is string {
  return (
    typeof code === 'string' &&
    (code === argumentsInvalid || code === answerOfPrimary || /^SQL(?:ITE)?_/.test(code))
  )
}

/** The status of an answer of HTTP that has no other code. */
function statusOf(error: unknown): unknown {
  const { code, cause } = (error ?? {}) as ClientError
  return code === 'SERVER_ERROR' ? (cause as { status?: unknown } | undefined)?.status : undefined
}

function outcomeOfStatus(status: unknown, message: string): Outcome {
  if (status === 429) return 'not-applied'
  if (status === 400 && lostStream.test(message)) return 'rolled-back'
  // Gateways, and servers in Rust (tower), say so of a request that took too long as well: it may have run.
  if (status === 408) return 'unknown'
  // A redirect is followed by nobody.
  return typeof status === 'number' && status >= 300 && status < 500 ? 'refused' : 'unknown'
}
