/**
 * What every physical connection runs before its first statement (contract C1): pragmas in a fixed order, read back
 * where they matter, then the user's `onConnection`. A pragma is a property of ONE connection; a pool that sends it
 * once leaves the others with `busy_timeout=0`, `synchronous=FULL` (incident I2).
 *
 * @module
 */
import type { Connection, Role } from './connector.ts'
import { ConfigError, OpenError } from './errors.ts'
import { shapeOf } from './statement-kind.ts'
import type { Row, SqlValue } from './values.ts'

/** Pragmas by name, such as `{ synchronous: 'FULL', cache_size: -65_536 }`. */
export type Pragmas = Readonly<Record<string, string | number>>

/** What `onConnection` gets: a connection whose pragmas are set and that no query has used yet. */
export interface OpenedConnection {
  readonly role: Role
  /** The driver's own handle: to register functions or load extensions. Keep no statement open on it. */
  readonly native: unknown
  /** Runs one statement without parameters and rows, such as an ATTACH. */
  exec(sql: string): Promise<void>
}

export type OnConnection = (connection: OpenedConnection, role: Role) => void | Promise<void>

export interface InitOptions {
  readonly pragmas: Pragmas
  readonly onConnection?: OnConnection | undefined
  /** The database is `:memory:`: it has no journal to switch, and its only connection is the writer. */
  readonly inMemory: boolean
  /** After how many pages in the WAL the writer checkpoints by itself; asked at every init, as it changes. */
  readonly autocheckpoint?: { readonly pages: number | undefined }
}

/** Without these the contract does not hold, so they are not the user's to set. */
const owned: Readonly<Record<string, string>> = {
  busy_timeout: 'waiting happens in JavaScript: use lockTimeoutMs',
  query_only: 'it tells readers from the writer',
  locking_mode: 'an exclusive lock would shut out the readers',
}

const writerDefaults: Pragmas = {
  journal_mode: 'wal',
  synchronous: 'normal',
  foreign_keys: 1,
  journal_size_limit: 16 * 1024 * 1024,
  // A bulk statement inside a transaction keeps a journal of its own, to be undone alone; as a file that is half its time.
  temp_store: 'memory',
}

/**
 * For a connection that does nothing but checkpoint: it waits for nobody, as its thread serves all storages, and does not
 * checkpoint by itself beside what it is asked for.
 */
export const checkpointerPragmas: readonly string[] = [
  'PRAGMA busy_timeout = 0',
  'PRAGMA wal_autocheckpoint = 0',
]

const synchronousLevels: readonly string[] = ['off', 'normal', 'full', 'extra']

/** SQLite takes every other word for one of these, without a word of its own. */
const choices: Readonly<Record<string, readonly string[]>> = {
  journal_mode: ['wal', 'delete', 'truncate', 'persist', 'memory', 'off'],
  synchronous: [...synchronousLevels, '0', '1', '2', '3'],
  foreign_keys: ['on', 'off', 'true', 'false', 'yes', 'no', '1', '0'],
}

/**
 * Checks the names and values of pragmas before anything is opened.
 *
 * @throws {ConfigError} If a name or value is not one that SQLite's grammar takes, or the contract owns the pragma.
 */
export function checkPragmas(pragmas: Pragmas): Pragmas {
  for (const [name, value] of Object.entries(pragmas)) {
    if (!/^[a-z_]+$/.test(name)) {
      throw new ConfigError(
        `Cannot set pragma '${name}' as its name must be lower-case letters and underscores`,
      )
    }
    assertNotOwned(name)
    const isNumber = typeof value === 'number' && Number.isSafeInteger(value)
    const isWord = typeof value === 'string' && /^[\w-]+$/.test(value)
    if (!isNumber && !isWord) throw badValue(name, value, 'an integer or one word')
    const words = choices[name]
    if (words?.includes(String(value).toLowerCase()) === false) {
      throw badValue(name, value, `one of ${words.join(', ')}`)
    }
  }
  return pragmas
}

function badValue(name: string, value: unknown, rule: string): ConfigError {
  return new ConfigError(
    `Cannot set pragma '${name}' as its value must be ${rule}: current value is ${value}`,
  )
}

/** @throws {ConfigError} If the contract owns this pragma. */
export function assertNotOwned(name: string): void {
  const reason = owned[name]
  if (reason !== undefined) throw new ConfigError(`Cannot set pragma '${name}' as unbusy owns it: ${reason}`)
}

/** Brings a connection into the state of its role. Safe to run again; on a settled database it takes no write lock. */
export async function setPragmas(connection: Connection, role: Role, options: InitOptions): Promise<void> {
  // First of all: whatever follows must not block the event loop in the driver's own wait.
  await set(connection, 'busy_timeout', 0)
  await expectValue(connection, 'busy_timeout', 0)
  if (role === 'writer') await setWriterPragmas(connection, options)
  else await setReaderPragmas(connection, options)
}

/** Calls the user's `onConnection`, once for each physical connection: an ATTACH works once. */
export async function callOnConnection(
  connection: Connection,
  role: Role,
  { onConnection }: InitOptions,
): Promise<void> {
  const exec = async (sql: string): Promise<void> => {
    const { pragma } = shapeOf(sql)
    if (pragma?.assigns) assertNotOwned(pragma.name)
    await connection.exec(sql)
  }
  await onConnection?.({ role, native: connection.native, exec }, role)
}

async function setWriterPragmas(connection: Connection, options: InitOptions): Promise<void> {
  const { pragmas, inMemory, autocheckpoint } = options
  await assertKnown(connection, Object.keys(pragmas))
  const pages = autocheckpoint?.pages
  const ofCheckpoints: Pragmas = pages === undefined ? {} : { wal_autocheckpoint: pages }
  const { journal_mode, ...others } = { ...writerDefaults, ...ofCheckpoints, ...pragmas }
  for (const [name, value] of Object.entries(others)) await set(connection, name, value)
  // Last, as it creates the file: what shapes a file (page_size, auto_vacuum) has no effect on one that is there.
  if (!inMemory) await switchJournal(connection, String(journal_mode).toLowerCase())
  await expectValue(connection, 'foreign_keys', isOn(others.foreign_keys) ? 1 : 0)
  await expectValue(connection, 'synchronous', synchronousLevel(others.synchronous))
}

async function setReaderPragmas(connection: Connection, { pragmas }: InitOptions): Promise<void> {
  // What belongs to the file or to commits is the writer's; the rest (cache_size, mmap_size, ...) is each connection's.
  const { journal_mode, synchronous, journal_size_limit, ...others } = pragmas
  for (const [name, value] of Object.entries(others)) await set(connection, name, value)
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
  if ((await read(connection, 'journal_mode')) === wanted) return
  await set(connection, 'journal_mode', wanted)
  await expectValue(connection, 'journal_mode', wanted)
}

async function set(connection: Connection, name: string, value: string | number): Promise<void> {
  await connection.exec(`PRAGMA ${name} = ${value}`)
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
