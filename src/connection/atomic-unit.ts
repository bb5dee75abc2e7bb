/**
 * Statements of which all are kept or none, inside a transaction that has others as well.
 *
 * @module
 */
import type { Statement, StatementResult } from '../connector.ts'
import type { DirectConnection } from './direct-connection.ts'

/** A savepoint undoes what has run of them if one fails, without touching its neighbours. */
export async function runAtomically(
  writer: DirectConnection,
  statements: readonly Statement[],
): Promise<StatementResult[]> {
  await writer.run(control('SAVEPOINT unbusy_unit'))
  const results: StatementResult[] = []
  try {
    for (const statement of statements) results.push(await writer.run(statement))
  } catch (error) {
    // If SQLite has ended the transaction, the savepoint is gone with it.
    if (writer.inTransaction) {
      await writer.run(control('ROLLBACK TO unbusy_unit'))
      await writer.run(control('RELEASE unbusy_unit'))
    }
    throw error
  }
  await writer.run(control('RELEASE unbusy_unit'))
  return results
}

function control(sql: string): Statement {
  return { sql, parameters: [], kind: 'control', cacheable: true }
}
