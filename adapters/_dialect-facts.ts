/**
 * What a wrapped dialect does with integers, and which file it opened: measured, as no Kysely dialect says so. The
 * statements read no table and take no lock, so they may run before the pragmas do.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import type { ConnectionSettings } from '../src/connector.ts'
import { OpenError } from '../src/errors.ts'
import type { BoundValue } from '../src/values.ts'
import type { FileLocation } from './_file.ts'

/** Runs one statement and answers its rows. */
export type RunSql = (sql: string, parameters?: readonly unknown[]) => Promise<readonly unknown[]>

/** What the driver under a wrapped dialect does with integers (contract C8). */
export interface DialectIntegers {
  /**
   * How they get to SQLite as INTEGER: as bigint, as number, or not at all. With `real` every integer that is bound is a
   * REAL: `5 / 2` is 2.5, and 5 is '5.0' in a column of text.
   */
  readonly bound: 'bigint' | 'number' | 'real'
  /**
   * How they are read: all as bigint, those beyond 2^53 as bigint, those beyond 2^53 refused with an error, or rounded
   * without a word.
   */
  readonly read: 'bigint' | 'exact' | 'refused' | 'rounded'
}

/** Beyond 2^53 the first integer that a double cannot hold. */
const inexact = 9_007_199_254_740_993n

/** Finds out what the driver does with integers. */
export async function measureIntegers(run: RunSql): Promise<DialectIntegers> {
  return { bound: await measureBinding(run), read: await measureReading(run) }
}

async function measureBinding(run: RunSql): Promise<DialectIntegers['bound']> {
  for (const [bound, value] of [
    ['bigint', 5n],
    ['number', 5],
  ] as const) {
    // Drivers refuse a bigint, or take it for text.
    const rows = await run('SELECT typeof(?) AS type', [value]).catch(() => [])
    if (firstOf(rows) === 'integer') return bound
  }
  return 'real'
}

async function measureReading(run: RunSql): Promise<DialectIntegers['read']> {
  const rows = await run(`SELECT ${inexact} AS value`).catch(() => undefined)
  if (rows === undefined) return 'refused'
  if (firstOf(rows) !== inexact) return 'rounded'
  return typeof firstOf(await run('SELECT 5 AS value')) === 'bigint' ? 'bigint' : 'exact'
}

/** Where a bigint does not get through as INTEGER, a number may; a bigint beyond 2^53 is the driver's to refuse. */
export function bindable(
  parameters: readonly BoundValue[],
  { bound }: DialectIntegers,
): readonly BoundValue[] {
  if (bound === 'bigint') return parameters
  return parameters.map((value) => {
    const isSafe = typeof value === 'bigint' && Number.isSafeInteger(Number(value))
    return isSafe ? Number(value) : value
  })
}

/**
 * @throws {OpenError} If integers cannot be read as the storage promises: `strict` and `bigint` would be a lie.
 */
export function assertReadable({ read }: DialectIntegers, { integers }: ConnectionSettings): void {
  const isEnough = integers === 'auto' || read === 'bigint' || (integers === 'strict' && read !== 'rounded')
  if (isEnough) return
  throw new OpenError(
    `Cannot read integers as '${integers}' as the driver of the wrapped dialect gives numbers, and those beyond 2^53 ` +
      `are ${read}: have the driver read every integer as bigint, or use integers: 'auto'`,
  )
}

/**
 * @throws {OpenError} If the dialect opened another file: its locks would be taken there.
 */
export async function assertOpened({ path, isInMemory }: FileLocation, run: RunSql): Promise<void> {
  const rows = (await run('PRAGMA database_list')) as readonly { name: unknown; file: unknown }[]
  const file = rows.find(({ name }) => name === 'main')?.file
  if (isInMemory ? !file : file && realPathOf(String(file)) === realPathOf(path)) return
  throw new OpenError(
    `Cannot open database ${path} as the wrapped dialect opened ${file || 'a database in memory'}: ` +
      'dialect(path) must open the path that it gets',
  )
}

/**
 * @throws {OpenError} If the engine is libSQL: a statement of it that met BUSY stays in progress, and what is written after
 *   it is acknowledged and lost, or cannot be committed (https://github.com/tursodatabase/libsql-js/issues/237).
 */
export async function assertNotLibsql(run: RunSql): Promise<void> {
  // As a pragma, as a SELECT of it reads the schema, which takes a lock. An engine that cannot list them is not libSQL.
  const functions = (await run('PRAGMA function_list').catch(() => [])) as readonly { name?: unknown }[]
  if (!functions.some(({ name }) => String(name).startsWith('libsql_'))) return
  throw new OpenError(
    'Cannot wrap a Kysely dialect of libSQL as its statements do not survive a busy lock: use libsql of unbusy/libsql',
  )
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function firstOf(rows: readonly unknown[]): unknown {
  return Object.values((rows[0] ?? {}) as object)[0]
}
