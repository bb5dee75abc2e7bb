/**
 * The pragmas of a connection (contract C1), in a fixed order, read back where they matter. A pragma is a property of ONE
 * connection; a pool that sends it once leaves the others with `busy_timeout=0`, `synchronous=FULL` (incident I2). Loaded
 * with the first connection that has any: those of a server are the server's.
 *
 * @module
 */
import type { Connection, Role } from '../connector.ts'
import { ConfigError, OpenError } from '../errors.ts'
import type { OtherLock } from '../lock-wait.ts'
import type { Row, SqlValue } from '../values.ts'
import { type PragmaOptions, type Pragmas, synchronousLevels } from './pragma-rules.ts'

/** For the reads that ask: pragma_foreign_keys, and the plan of a DELETE. */
const readerDefaults: Pragmas = { foreign_keys: 1 }

const writerDefaults: Pragmas = {
  journal_mode: 'wal',
  synchronous: 'normal',
  ...readerDefaults,
  journal_size_limit: 16 * 1024 * 1024,
  // A bulk statement inside a transaction keeps a journal of its own, to be undone alone; as a file that is half its time.
  temp_store: 'memory',
}

/** The journal mode of a database in a file, in lower case. */
export function journalModeOf(pragmas: Pragmas = {}): string {
  return String(pragmas.journal_mode ?? writerDefaults.journal_mode).toLowerCase()
}

/** Brings a connection into the state of its role. Safe to run again; on a settled database it takes no write lock. */
export async function setPragmas(connection: Connection, role: Role, options: PragmaOptions): Promise<void> {
  // First of all: whatever follows must not block the event loop in the driver's own wait.
  await set(connection, 'busy_timeout', 0)
  await expectValue(connection, 'busy_timeout', 0)
  if (role === 'writer') await setWriterPragmas(connection, options)
  else await setReaderPragmas(connection, options)
}

async function setWriterPragmas(connection: Connection, options: PragmaOptions): Promise<void> {
  const { pragmas, inMemory, autocheckpoint } = options
  await assertKnown(connection, Object.keys(pragmas))
  const pages = autocheckpoint?.pages
  const ofCheckpoints: Pragmas = pages === undefined ? {} : { wal_autocheckpoint: pages }
  const { journal_mode: _, ...others } = { ...writerDefaults, ...ofCheckpoints, ...pragmas }
  for (const [name, value] of Object.entries(others)) await set(connection, name, value)
  // Last, as it creates the file: what shapes a file (page_size, auto_vacuum) has no effect on one that is there.
  if (!inMemory) await switchJournal(connection, journalModeOf(pragmas))
  await expectValue(connection, 'foreign_keys', isOn(others.foreign_keys) ? 1 : 0)
  await expectValue(connection, 'synchronous', synchronousLevel(others.synchronous))
}

async function setReaderPragmas(connection: Connection, { pragmas }: PragmaOptions): Promise<void> {
  // What belongs to the file or to commits is the writer's; the rest (cache_size, mmap_size, ...) is each connection's.
  const { journal_mode, synchronous, journal_size_limit, ...others } = pragmas
  for (const [name, value] of Object.entries({ ...readerDefaults, ...others })) {
    await set(connection, name, value)
  }
  await set(connection, 'wal_autocheckpoint', 0)
  await set(connection, 'query_only', 1)
  await expectValue(connection, 'query_only', 1)
}

/** SQLite says nothing about a pragma that it does not know, so a slip of the pen would never show. */
async function assertKnown(connection: Connection, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  const known = (await query(connection, 'PRAGMA pragma_list')).map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new ConfigError(
    `Cannot set pragma '${unknown}' as this SQLite has none of that name: check its spelling`,
  )
}

async function switchJournal(connection: Connection, wanted: string): Promise<void> {
  // Asked first: setting the mode that the file has would still be a write on some file systems, asking never is.
  const found = await read(connection, 'journal_mode')
  if (found === wanted) return
  try {
    await set(connection, 'journal_mode', wanted)
  } catch (error) {
    // Out of WAL it waits for whoever has the database open, not for a lock that somebody could be seen to hold.
    const note = `The database stayed in journal mode ${found} instead of ${wanted} as others were using it,`
    throw Object.assign(error as object, { note } satisfies OtherLock)
  }
  await expectValue(connection, 'journal_mode', wanted)
  // Until it reads, it has no part in the WAL: another process could make one, and delete it as its last user. Who watches
  // over the files must not have taken that one for ours.
  await connection.exec('SELECT 1 FROM sqlite_schema LIMIT 1')
}

async function set(connection: Connection, name: string, value: string | number): Promise<void> {
  // In quotes, as one word may have a hyphen in it: UTF-16.
  await connection.exec(`PRAGMA ${name} = ${typeof value === 'number' ? value : `'${value}'`}`)
}

async function read(connection: Connection, name: string): Promise<SqlValue | undefined> {
  const [row] = await query(connection, `PRAGMA ${name}`)
  return row === undefined ? undefined : Object.values(row)[0]
}

async function query(connection: Connection, sql: string): Promise<Row[]> {
  return (await connection.execute({ sql, parameters: [], kind: 'alone', cacheable: false })).rows
}

async function expectValue(connection: Connection, name: string, wanted: string | number): Promise<void> {
  const actual = await read(connection, name)
  // biome-ignore lint/suspicious/noDoubleEquals: with integers read as bigint, 0n must equal 0
  if (actual == wanted) return
  throw new OpenError(
    `Cannot use the connection as pragma '${name}' is ${actual} after it was set to ${wanted}`,
  )
}

function isOn(value: string | number | undefined): boolean {
  return ['1', 'on', 'yes', 'true'].includes(String(value).toLowerCase())
}

function synchronousLevel(value: string | number | undefined): number {
  const level = synchronousLevels.indexOf(String(value).toLowerCase())
  return level === -1 ? Number(value) : level
}
