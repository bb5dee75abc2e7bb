/**
 * Statements that are written together, of a batch or a bulk call.
 *
 * @module
 */
import type { RoutedStatement } from '../connection/statement.ts'
import type { StatementResult } from '../connector.ts'
import { OnDemand } from '../on-demand.ts'
import type { PartOfCall, WriteOptions } from '../options/pool-options.ts'
import type { ConnectionPool } from '../pool.ts'

const ledger = new OnDemand(() => import('./ledger.ts'))

/**
 * Writes statements through the queue, all of them or none; with an `idempotencyKey` once, however often it is called.
 *
 * @returns Their results; `undefined` if they were stored by an earlier call, whose results nobody kept.
 * @throws {ConfigError | RangeError} If the key, or the time that it is kept, cannot be used.
 */
export async function writeStatements(
  pool: ConnectionPool,
  statements: readonly RoutedStatement[],
  options: WriteOptions & PartOfCall = {},
): Promise<StatementResult[] | undefined> {
  const { idempotencyKey, idempotencyTtlMs, ...waitOptions } = options
  const wait = pool.startWait(waitOptions)
  if (idempotencyKey === undefined) return pool.queue.write(wait, statements, { isAtomic: true })
  const loading = ledger.load()
  // Its place is before the writes that come next (C5).
  if (ledger.loaded === undefined) await pool.queue.keepBackUntil(loading)
  const { writeOnce } = ledger.loaded ?? (await loading)
  return writeOnce(pool, statements, wait, idempotencyKey, idempotencyTtlMs)
}
