/**
 * Exactly once, on request (contract C16): a batch with an idempotency key first writes a row with that key, so a second
 * one with the same key fails as a whole, and that says that the first one is stored. When the answer of a server was
 * lost, the batch is simply sent again.
 *
 * @module
 */
import { type RoutedStatement, toStatement } from '../connection/statement.ts'
import type { StatementResult } from '../connector.ts'
import { ConfigError, ConstraintError, SqliteError } from '../errors.ts'
import type { Lane } from '../lanes.ts'
import type { LockWait } from '../lock-wait.ts'
import { checkInteger } from '../options/number-checks.ts'
import type { ConnectionPool } from '../pool.ts'

/** Where the keys are. */
export const ledgerTable = 'unbusy_ledger'
/** SQLite names the column, and the table; others may be called `app_unbusy_ledger`. */
const refusal = new RegExp(`: ${ledgerTable}\\.id\\b`)
const missing = new RegExp(`no such table: (?:main\\.)?${ledgerTable}\\b`)

const defaultTtlMs = 24 * 60 * 60 * 1_000
/** What a request to a server may take, and its way there. */
const wayMs = 60_000
const maxKeyLength = 255
/** What bulk calls add: the number of the slice. */
const numberOfSlice = /\/\d+$/

/** By the clock of the database: those of its clients may disagree. */
const nowMs = "cast(unixepoch('now') as integer) * 1000"

const createLedger: readonly string[] = [
  `create table if not exists ${ledgerTable} (id text primary key, expires_at integer not null) without rowid`,
  `create index if not exists ${ledgerTable}_expires_at on ${ledgerTable} (expires_at)`,
]
const forgetExpired = `delete from ${ledgerTable} where expires_at <= ${nowMs}`
const enter = `insert into ${ledgerTable} (id, expires_at) values (?, ${nowMs} + ?)`

/** Who makes the tables, by the lane that it waits in: what enters that lane later comes after it. */
type Making = Map<Lane, Promise<unknown>>
const makingOf = new WeakMap<ConnectionPool, Making>()
const made = new WeakSet<ConnectionPool>()

/**
 * Writes statements through the queue, once, however often it is called with this key.
 *
 * @returns Their results; `undefined` if they were stored by an earlier call, whose results nobody kept.
 * @throws {ConfigError | RangeError} If the key, or the time that it is kept, cannot be used.
 */
export async function writeOnce(
  pool: ConnectionPool,
  statements: readonly RoutedStatement[],
  wait: LockWait,
  idempotencyKey: string,
  idempotencyTtlMs: number = defaultTtlMs,
): Promise<StatementResult[] | undefined> {
  checkKey(idempotencyKey)
  checkInteger('Cannot write as idempotencyTtlMs', idempotencyTtlMs, 1_000)
  // Both enter the queue in this turn: a storage that closes in the next one still takes the second.
  const { making, isOwn } = makeLedger(pool, wait)
  // This call itself may send it again until its budget, which it can have twice, is over.
  const againMs = 2 * Math.ceil(wait.deadlineMs - wait.startedAtMs) + wayMs
  const ttlMs = Math.min(Math.max(idempotencyTtlMs, againMs), Number.MAX_SAFE_INTEGER)
  const entry = [plain(forgetExpired), plain(enter, [idempotencyKey, ttlMs])]
  try {
    const results = await pool.queue.write(wait, [...entry, ...statements], { isRepeatable: true })
    return results.slice(entry.length)
  } catch (error) {
    if (error instanceof ConstraintError && refusal.test(error.message)) return undefined
    if (!(error instanceof SqliteError) || !missing.test(error.message)) throw error
    // Without its table the batch is refused. Either it could not be made, and why is what counts; or who was to make it,
    // for all of the lane, gave up before; or somebody dropped it.
    if (isOwn) {
      await making
      throw error
    }
    await making?.catch(() => {})
    if (making === undefined) {
      made.delete(pool)
      makingOf.delete(pool)
    }
    return writeOnce(pool, statements, wait, idempotencyKey, idempotencyTtlMs)
  }
}

/** Once for each storage, or once for each lane that asks meanwhile: what it does can be done again. */
function makeLedger(
  pool: ConnectionPool,
  wait: LockWait,
): { readonly making?: Promise<unknown>; readonly isOwn: boolean } {
  if (made.has(pool)) return { isOwn: false }
  const lanes: Making = makingOf.get(pool) ?? new Map()
  makingOf.set(pool, lanes)
  const known = lanes.get(wait.lane)
  if (known !== undefined) return { making: known, isOwn: false }
  const statements = createLedger.map((sql) => plain(sql))
  const making = pool.queue.write(wait, statements, { isRepeatable: true })
  lanes.set(wait.lane, making)
  // Its failure is of interest to those only who cannot do without.
  making.then(
    () => made.add(pool),
    () => lanes.delete(wait.lane),
  )
  return { making, isOwn: true }
}

function plain(sql: string, parameters: readonly unknown[] = []): RoutedStatement {
  return toStatement({ sql, parameters }, 'integer')
}

function checkKey(key: string): void {
  if (typeof key === 'string' && key !== '' && key.replace(numberOfSlice, '').length <= maxKeyLength) return
  throw new ConfigError(
    `Cannot write with the idempotencyKey as it must be a string of 1 to ${maxKeyLength} characters`,
  )
}
