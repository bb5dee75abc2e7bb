/**
 * Rows for a stream: stepped through on a reader of its own, so that nothing waits for the loop that consumes them.
 *
 * @module
 */
import type { QueryResult } from 'kysely'
import { journalModeOf } from '../connection/pragmas.ts'
import type { RoutedStatement } from '../connection/statement.ts'
import type { PatientConnection } from '../connection.ts'
import type { LockWait } from '../lock-wait.ts'
import { assertStandsAlone, letWritesBreathe } from '../pool/router.ts'
import type { ConnectionPool } from '../pool.ts'
import { isReadonly, resultCodeOf } from '../result-code.ts'
import type { Row } from '../values.ts'
import { watchdogOf } from './transaction-watchdog.ts'

/** The rows of a stream, and what they hold on to. */
export interface RowSource {
  readonly rows: Iterator<unknown>
  close(): void
}

/**
 * Opens a read on a reader of its own.
 *
 * @returns `undefined` if there is no reader to spare, or the statement turns out to be no read: it is then to be run
 *   like any other, and its rows read at once.
 */
export async function openOwnReader(
  pool: ConnectionPool,
  statement: RoutedStatement,
  wait: LockWait,
): Promise<RowSource | undefined> {
  if (statement.kind !== 'read' || pool.readsOnWriter || readersHoldCommits(pool)) return undefined
  pool.intake.assertOpen()
  assertStandsAlone(statement)
  const reader = await pool.readers.tryBorrow()
  if (reader === undefined) return undefined
  try {
    const rows = await reader.iterate(statement, wait)
    const lease = { heldSinceMs: pool.clock.now(), lastSql: statement.sql }
    const unwatch = watchdogOf(pool).watch({ holds: 'reader', lease })
    return {
      rows,
      close() {
        unwatch()
        closeRows(pool, reader, rows)
      },
    }
  } catch (error) {
    pool.readers.giveBack(reader)
    if (isReadonly(resultCodeOf(error))) return undefined
    throw error
  }
}

/** Outside of WAL mode every COMMIT waits for a stream that is open, and the one that its own loop awaits for ever. */
function readersHoldCommits({ options }: ConnectionPool): boolean {
  return journalModeOf(options.pragmas) !== 'wal'
}

/** Cuts rows into results of `chunkSize`. */
export async function* inChunks<R>(
  pool: ConnectionPool,
  { rows, close }: RowSource,
  chunkSize: number,
): AsyncGenerator<QueryResult<R>, void, undefined> {
  try {
    for (let chunk = take<R>(rows, chunkSize); chunk.length > 0; chunk = take<R>(rows, chunkSize)) {
      yield { rows: chunk }
      await letWritesBreathe(pool)
    }
  } finally {
    close()
  }
}

function closeRows(pool: ConnectionPool, reader: PatientConnection, rows: Iterator<Row>): void {
  try {
    rows.return?.()
  } finally {
    pool.readers.giveBack(reader)
  }
}

function take<R>(rows: Iterator<unknown>, chunkSize: number): R[] {
  const chunk: R[] = []
  do {
    const step = rows.next()
    if (step.done) break
    chunk.push(step.value as R)
  } while (chunk.length < chunkSize)
  return chunk
}
