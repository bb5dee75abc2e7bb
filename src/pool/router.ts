/**
 * Where a statement goes that belongs to no transaction and no session: reads to a reader, everything else to the
 * writer's queue.
 *
 * @module
 */
import type { QueryResult } from 'kysely'
import { assertNotOwned } from '../connection/pragma-rules.ts'
import { type QueryText, type RoutedStatement, toQueryResult, toStatement } from '../connection/statement.ts'
import type { StatementResult } from '../connector.ts'
import {
  InvalidStatementError,
  TransactionControlError,
  UnsupportedError,
  withCallerStack,
} from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import type { ConnectionPool } from '../pool.ts'
import { isReadonly, resultCodeOf } from '../result-code.ts'

/** While writes wait, every so many reads let a macrotask run: synchronous reads resolve in microtasks for ever. */
const readsPerTurn = 32
const readCounts = new WeakMap<ConnectionPool, number>()

const outerRead =
  'Cannot read through the outer db inside a transaction here as the database has one connection, which the transaction holds: use the transaction itself (trx)'

/** Runs one compiled query on its own. */
export async function queryAlone(
  pool: ConnectionPool,
  query: QueryText,
  options?: WaitOptions,
): Promise<QueryResult<unknown>> {
  try {
    pool.intake.assertTakesIn()
    const statement = toStatement(query, pool.integerBinding)
    const wait = pool.startWait(options)
    if (isPlainWrite(statement)) {
      const result = pool.queue.writeAtOnce(wait, statement) ?? (await pool.queue.write(wait, [statement]))[0]
      return toQueryResult(statement, result as StatementResult)
    }
    return toQueryResult(statement, await executeAlone(pool, statement, wait))
  } catch (error) {
    throw withCallerStack(error)
  }
}

/** What needs no look at where it runs: each promise in between would cost a tenth of a small insert. */
function isPlainWrite({ kind, shape }: RoutedStatement): boolean {
  return kind === 'write' && !shape.temporary && shape.connectionFunction === undefined
}

/** Runs one statement on its own. */
export async function executeAlone(
  pool: ConnectionPool,
  statement: RoutedStatement,
  wait: LockWait,
): Promise<StatementResult> {
  pool.intake.assertOpen()
  assertStandsAlone(statement)
  if (statement.kind !== 'read' || pool.readsOnWriter) return executeOnWriter(pool, statement, wait)
  await letWritesBreathe(pool)
  try {
    return await pool.readers.read(wait, (reader) => reader.execute(statement, wait))
  } catch (error) {
    // The text looked like a read and was none, such as a PRAGMA function that writes: nothing of it ran.
    if (!isReadonly(resultCodeOf(error))) throw error
    return executeOnWriter(pool, statement, wait)
  }
}

/** Queues one statement for the writer: a write joins a group, everything else runs outside every transaction. */
export function executeOnWriter(
  pool: ConnectionPool,
  statement: RoutedStatement,
  wait: LockWait,
): Promise<StatementResult> {
  return withEffects(pool, statement, async () => {
    if (statement.kind === 'write') return (await pool.queue.write(wait, [statement]))[0] as StatementResult
    const whatIfOuter = statement.kind === 'read' ? outerRead : undefined
    return pool.queue.exclusive(wait, (writer) => writer.tryExecute(statement, wait), whatIfOuter)
  })
}

/** Runs a statement on the writer and remembers what only the writer can see from then on. */
export async function withEffects(
  pool: ConnectionPool,
  statement: RoutedStatement,
  run: () => Promise<StatementResult>,
): Promise<StatementResult> {
  assertPragmaAllowed(statement)
  if (pool.connector.capabilities.remote) assertHoldsAtServer(statement)
  const result = await run()
  if (statement.shape.temporary) {
    pool.readsOnWriter = true
    pool.checkpoints?.noteAttached()
  }
  return result
}

/** @throws {ConfigError} If the statement sets a pragma that the contract owns. */
export function assertPragmaAllowed({ shape }: RoutedStatement): void {
  if (shape.pragma?.assigns) assertNotOwned(shape.pragma.name)
}

/** @throws {UnbusyError} If it sets, or asks for, what belongs to one connection, and the next request gets another one. */
function assertHoldsAtServer({ shape }: RoutedStatement): void {
  const { pragma, temporary } = shape
  assertNoConnectionFunction(shape)
  if (temporary) {
    throw new UnsupportedError(
      `Cannot ${shape.verb} what is temporary on a server as the next request may not see it`,
    )
  }
  if (!pragma?.assigns || !connectionPragmas.has(pragma.name)) return
  throw new UnsupportedError(
    `Cannot set PRAGMA ${pragma.name} on a server as it would hold for this request alone`,
  )
}

/** A table rebuild would believe that keys are off, or deferred, and cascade into the children. */
const connectionPragmas: ReadonlySet<string> = new Set([
  'defer_foreign_keys',
  'foreign_keys',
  'ignore_check_constraints',
  'recursive_triggers',
])

export async function letWritesBreathe(pool: ConnectionPool): Promise<void> {
  if (!pool.queue.isBusy) return
  const count = (readCounts.get(pool) ?? 0) + 1
  readCounts.set(pool, count % readsPerTurn)
  if (count === readsPerTurn) await pool.connector.nextTurn()
}

/** @throws {UnbusyError} If the statement means nothing on a connection that the next one may not get. */
export function assertStandsAlone({ shape }: RoutedStatement): void {
  if (shape.control !== undefined) {
    throw new TransactionControlError(
      `Cannot run ${shape.verb} on db as the next query may use another connection: use db.transaction(), or db.connection() for raw transaction control`,
    )
  }
  if (shape.pragma?.assigns && shape.pragma.name === 'defer_foreign_keys') {
    throw new TransactionControlError(
      'Cannot set PRAGMA defer_foreign_keys on db as it is for the next transaction, whosever that is: set it inside your own',
    )
  }
  assertNoConnectionFunction(shape)
}

function assertNoConnectionFunction({ connectionFunction }: RoutedStatement['shape']): void {
  if (connectionFunction !== undefined) {
    throw new InvalidStatementError(
      `Cannot use ${connectionFunction}() outside a transaction as the next query may use another connection: use a RETURNING clause, insertId or numAffectedRows`,
    )
  }
}
