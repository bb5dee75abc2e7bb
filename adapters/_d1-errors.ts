/**
 * What D1's errors mean. They are plain errors, and everything is in their text.
 *
 * @module
 */
import type { Outcome } from '../src/errors/outcome.ts'
import { remoteError, UnbusyError } from '../src/errors.ts'
import { resultCodeNamed, resultCodeOf } from '../src/result-code.ts'

/**
 * D1 ends the message with SQLite's names; the extended one is not always there (seen in workerd 1.20260730). At the end
 * only, as what comes before may be the text of a RAISE().
 */
const codeAtEnd = /: (SQLITE_[A-Z]+)(?: \(extended: (SQLITE_[A-Z_]+)\))?$/

/** SQLite's own words for what the extended code would say. A primary key that is no rowid says UNIQUE, too. */
const constraints: Readonly<Record<string, string>> = {
  UNIQUE: 'SQLITE_CONSTRAINT_UNIQUE',
  'NOT NULL': 'SQLITE_CONSTRAINT_NOTNULL',
  CHECK: 'SQLITE_CONSTRAINT_CHECK',
  'FOREIGN KEY': 'SQLITE_CONSTRAINT_FOREIGNKEY',
}

/** The extended result code that an error of D1 tells, `undefined` if it is not SQLite's. */
export function d1ResultCodeOf(error: unknown): number | undefined {
  // Ours have it in a field: a lock that was busy is told so, and a text of RAISE() may end like a code.
  if (error instanceof UnbusyError) return resultCodeOf(error)
  const message = messageOf(error)
  const [, name, extendedName] = codeAtEnd.exec(message) ?? []
  if (name === undefined) return undefined
  if (extendedName !== undefined) return resultCodeNamed(extendedName) ?? resultCodeNamed(name)
  const constraint = /^D1_ERROR: ([A-Z ]+) constraint failed/.exec(message)?.[1] ?? ''
  return resultCodeNamed((name === 'SQLITE_CONSTRAINT' && constraints[constraint]) || name)
}

/**
 * The failures of https://developers.cloudflare.com/d1/observability/debug-d1/ of which is known that nothing ran. Of all
 * others that are not SQLite's, such as a lost connection or an answer that cannot be read, D1 does not say whether it did.
 */
const outcomes: readonly (readonly [words: RegExp, outcome: Outcome])[] = [
  [/D1 DB is overloaded|Too many (?:API )?requests (?:queued|by single)/i, 'not-applied'],
  [
    /D1_TYPE_ERROR|Wrong number of parameter bindings|Exceeded maximum DB size|maximum account storage/,
    'refused',
  ],
]

/** Those that pass, from the same list; and what did not answer in time. */
const passing =
  /^D1 did not answer|Network connection lost|object to be reset|reset because its code was updated|Cannot resolve D1 DB|Can't read from request stream|^(?:D1_ERROR: )?internal error/i

/**
 * What a read failed with: one that D1 gave up for another reason, such as its CPU time, is not sent again, as it would
 * end so each time, and reset the database for all.
 */
export function d1ReadError(error: unknown): unknown {
  const isLasting = d1OutcomeOf(error) === 'unknown' && !passing.test(messageOf(error))
  return isLasting ? remoteError(error, 'refused') : error
}

/** What became of a request that failed with `error`; `undefined` if SQLite itself answered, or nothing was sent. */
export function d1OutcomeOf(error: unknown): Outcome | undefined {
  const message = messageOf(error)
  if (error instanceof UnbusyError || codeAtEnd.test(message)) return undefined
  return outcomes.find(([words]) => words.test(message))?.[1] ?? 'unknown'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
