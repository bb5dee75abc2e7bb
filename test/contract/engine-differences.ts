/**
 * What the same statement answers differently with different drivers, because their SQLite libraries differ in version
 * or in how they were built. This list is the whole of it as far as it is known: the generated programs of the
 * differential test keep clear of these, and of nothing else.
 *
 * @module
 */
import type { ConnectorName, RuntimeName } from './matrix.ts'

/** A library as one runtime brings it. */
export type Engine =
  | 'better-sqlite3'
  | 'node:sqlite of Node'
  | 'node:sqlite of Deno'
  | 'bun:sqlite'
  | 'libsql'

export interface EngineDifference {
  readonly what: string
  readonly sql: string
  /** The value of the only column, or `Error` for an engine that refuses the statement. */
  readonly answers: Readonly<Record<Engine, unknown>>
}

export function engineOf(connector: ConnectorName, runtime: RuntimeName): Engine {
  if (connector === 'node-sqlite') return runtime === 'deno' ? 'node:sqlite of Deno' : 'node:sqlite of Node'
  if (connector === 'libsql-server') return 'libsql'
  return connector === 'bun-sqlite' ? 'bun:sqlite' : connector
}

/** One answer of SQLite 3.53 and later, another of libsql, which is 3.45. */
function sinceThen(now: unknown, libsql: unknown): EngineDifference['answers'] {
  return {
    'better-sqlite3': now,
    'node:sqlite of Node': now,
    'node:sqlite of Deno': now,
    'bun:sqlite': now,
    libsql,
  }
}

export const engineDifferences: readonly EngineDifference[] = [
  {
    what: 'REAL becomes text with 17 significant digits, with 15 before',
    sql: 'select cast(1.0 / 3 as text)',
    answers: sinceThen('0.33333333333333332', '0.333333333333333'),
  },
  {
    what: 'quote() of a REAL',
    sql: 'select quote(0.1 + 0.2)',
    answers: sinceThen('0.30000000000000004', '3.00000000000000044e-01'),
  },
  {
    what: 'REAL in JSON',
    sql: 'select json_array(0.1 + 0.2)',
    answers: sinceThen('[0.30000000000000004]', '[0.3]'),
  },
  { what: 'a lone minus sign as a REAL', sql: "select cast('-' as real)", answers: sinceThen(0, -0) },
  { what: 'iif() of two arguments, from 3.48', sql: 'select iif(1, 2)', answers: sinceThen(2, Error) },
  { what: 'json_pretty(), from 3.46', sql: "select json_pretty('{}')", answers: sinceThen('{}', Error) },
  { what: 'digits grouped by _, from 3.46', sql: 'select 1_000', answers: sinceThen(1_000, Error) },
  {
    what: 'log() is the natural logarithm with libsql, and there are no mathematical functions on Deno',
    sql: 'select cast(log(100) as integer)',
    answers: { ...sinceThen(2, 4), 'node:sqlite of Deno': Error },
  },
  {
    what: 'LIKE and GLOB do not look into blobs with better-sqlite3',
    sql: "select x'61' like 'a'",
    answers: { ...sinceThen(1, 1), 'better-sqlite3': 0 },
  },
  {
    what: 'a name in double quotes that is no column is a string on Bun alone',
    sql: 'select "nothing"',
    answers: { ...sinceThen(Error, Error), 'bun:sqlite': 'nothing' },
  },
  {
    what: 'UPDATE and DELETE with ORDER BY and LIMIT, which node:sqlite and libsql do not have',
    sql: 'delete from note returning 1 order by id limit 1',
    answers: { ...sinceThen(1, Error), 'node:sqlite of Node': Error, 'node:sqlite of Deno': Error },
  },
  {
    what: 'more than 32,766 parameters, on Bun alone',
    sql: `select 1 in (${Array.from({ length: 32_767 }, () => '?').join()})`,
    answers: { ...sinceThen(Error, Error), 'bun:sqlite': 1 },
  },
]
