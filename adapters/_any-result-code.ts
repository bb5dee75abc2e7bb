/**
 * The result code of an error that a driver unknown to this library threw, by the best effort: other drivers wrap, shorten
 * or spell out what SQLite said.
 *
 * @module
 */
import { UnbusyError } from '../src/errors.ts'
import { resultCodeOf } from '../src/result-code.ts'

/** What SQLite and its drivers write (sqlite3_errstr and the messages of constraints), where no field says the same. */
const texts: readonly (readonly [text: RegExp, name: string])[] = [
  [/^database is locked$/, 'SQLITE_BUSY'],
  // By a statement of the connection itself: nothing to wait for.
  [/^database table is locked$/, 'SQLITE_LOCKED'],
  [/^UNIQUE constraint failed: /, 'SQLITE_CONSTRAINT_UNIQUE'],
  [/^FOREIGN KEY constraint failed$/, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
  [/^NOT NULL constraint failed: /, 'SQLITE_CONSTRAINT_NOTNULL'],
  [/^CHECK constraint failed: /, 'SQLITE_CONSTRAINT_CHECK'],
  [/^attempt to write a readonly database$/, 'SQLITE_READONLY'],
  [/^database or disk is full$/, 'SQLITE_FULL'],
  [/^database disk image is malformed$/, 'SQLITE_CORRUPT'],
  [/^file is not a database$/, 'SQLITE_NOTADB'],
  [/^unable to open database file$/, 'SQLITE_CANTOPEN'],
  [/^disk I\/O error$/, 'SQLITE_IOERR'],
]

/** Errors may wrap each other in a circle. */
const maxCauses = 8

/**
 * The most exact result code that an error or one of its causes carries; `undefined` if none is SQLite's.
 *
 * In this order: the fields of the drivers that this library knows; `extendedCode` and `code` as names; `resultCode`
 * (the official wasm build), and `errno` or `code` as a number of an error that calls itself SQLite's (wa-sqlite); at
 * last the text. That cannot tell BUSY from BUSY_SNAPSHOT, and a primary code says less than an extended one.
 */
export function anyResultCodeOf(error: unknown): number | undefined {
  // Ours say what they are; what caused them is another matter.
  if (error instanceof UnbusyError) return resultCodeOf(error)
  let at = error
  for (let depth = 0; depth < maxCauses && typeof at === 'object' && at !== null; depth++) {
    const code = fieldCode(at as Record<string, unknown>) ?? textCode(at as Record<string, unknown>)
    if (code !== undefined) return code
    at = (at as { cause?: unknown }).cause
  }
  return undefined
}

function fieldCode(error: Record<string, unknown>): number | undefined {
  const { extendedCode, resultCode, name, code, errno } = error
  const known = resultCodeOf(error)
  // Some give the primary code as `code` and the exact one beside it, as a name.
  const exact = resultCodeOf({ code: extendedCode })
  if (exact !== undefined && (known === undefined || known === (exact & 0xff))) return exact
  if (known !== undefined) return known
  if (isResultCode(resultCode)) return resultCode
  // A DOMException has a numeric code as well, and a system error has an errno.
  if (typeof name !== 'string' || !/sqlite/i.test(name)) return undefined
  return [code, errno].find(isResultCode)
}

function isResultCode(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

/** Drivers put their own words in front: `SQLITE_BUSY: database is locked`, `Error code 5: database is locked`. */
function textCode({ message }: Record<string, unknown>): number | undefined {
  if (typeof message !== 'string') return undefined
  const name = /\bSQLITE_[A-Z]+(?:_[A-Z]+)*\b/.exec(message)?.[0]
  const named = name === undefined ? undefined : resultCodeOf({ code: name })
  if (named !== undefined) return named
  const words = message.replace(/^[\w ]*(?:error|code)[\w ]*:\s*/i, '')
  const found = texts.find(([text]) => text.test(words))
  return found === undefined ? undefined : resultCodeOf({ code: found[1] })
}
