/**
 * The other side of a comparison: a driver as its users have it today, with Kysely's own dialect and no queue, or with
 * a transaction written by hand.
 *
 * @module
 */
import type { PlainDatabase } from './plain/database.ts'

/** How a plain database is opened. */
export interface PlainOptions {
  readonly synchronous?: 'normal' | 'full'
}

type Open = (path: string) => PlainDatabase

const opens: Readonly<Record<string, () => Promise<Open>>> = {
  'better-sqlite3': async () => (await import('./plain/better-sqlite3.ts')).openBetterSqlite3,
  'node-sqlite': async () => (await import('./plain/node-sqlite.ts')).openNodeSqlite,
  'bun-sqlite': async () => (await import('./plain/bun-sqlite.ts')).openBunSqlite,
  libsql: async () => (await import('./plain/libsql.ts')).openLibsql,
}

/** Opens a database on the driver of a connector, with the pragmas that unbusy sets. */
export async function openPlain(
  connector: string,
  path: string,
  { synchronous = 'normal' }: PlainOptions = {},
): Promise<PlainDatabase> {
  const open = opens[connector]
  if (open === undefined) throw new RangeError(`Cannot compare with the driver of ${connector}`)
  const plain = (await open())(path)
  await plain.exec('PRAGMA journal_mode = wal')
  await plain.exec(`PRAGMA synchronous = ${synchronous}`)
  await plain.exec('PRAGMA foreign_keys = 1')
  await plain.exec(`PRAGMA journal_size_limit = ${16 * 1024 * 1024}`)
  return plain
}
