/**
 * A write that answers rows has been done when the driver refuses one of them, as node:sqlite does with an integer beyond
 * 2^53. A write that rejects must not be stored.
 *
 * @module
 */
import type { Statement } from '../src/connector.ts'

/** Whether a statement can be refused after it has written. */
export function answersRows({ kind, sql }: Statement): boolean {
  return kind === 'write' && /\breturning\b/i.test(sql)
}

/** Runs a write inside a transaction, and undoes it if it rejects. */
export async function runUndoably<T>(
  run: (sql: string) => Promise<unknown>,
  write: () => Promise<T>,
): Promise<T> {
  await run('SAVEPOINT unbusy_rows')
  try {
    return await write()
  } catch (error) {
    // An error of the write itself may have ended the transaction, and the savepoint with it.
    await run('ROLLBACK TO unbusy_rows').catch(() => {})
    throw error
  } finally {
    await run('RELEASE unbusy_rows').catch(() => {})
  }
}
