/**
 * From a compiled query to a statement that a connection can run, and from its answer back to Kysely's result: what
 * the text is, that its parameters fit, and that `insertId` and `numAffectedRows` mean the same on every driver.
 *
 * @module
 */
import type { QueryResult } from 'kysely'
import type { Statement, StatementResult } from '../connector.ts'
import { InvalidStatementError } from '../errors.ts'
import { changesRows, type StatementShape, shapeOf } from '../statement-kind.ts'
import { type BoundValue, encodeParameters, type IntegerBinding } from '../values.ts'

/** A statement with what the core needs to route it. */
export interface RoutedStatement extends Statement {
  readonly shape: StatementShape
}

/** The part of Kysely's CompiledQuery that is looked at: everything is decided by the text. */
export interface QueryText {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** Whether the parameters are what drivers bind already. @default {false} */
  readonly isEncoded?: boolean
}

/**
 * Classifies the text and encodes the values. Nothing has run when it throws.
 *
 * @throws {InvalidStatementError} If the text is not one statement, or a value or the number of values does not fit.
 */
export function toStatement(
  { sql, parameters, isEncoded = false }: QueryText,
  integers: IntegerBinding,
): RoutedStatement {
  const shape = shapeOf(sql)
  if (parameters.length !== shape.parameterCount) {
    const counts = `${shape.parameterCount} parameters and got ${parameters.length}`
    throw new InvalidStatementError(`Cannot run the statement as it takes ${counts}`)
  }
  const values = isEncoded ? (parameters as readonly BoundValue[]) : encodeParameters(parameters, integers)
  return {
    sql: shape.sql,
    parameters: shape.parameterOrder?.map((index) => values[index] ?? null) ?? values,
    kind: shape.kind,
    // EXPLAIN of a write stays in progress on bun:sqlite until it is finalized; the others are rare or change meaning.
    cacheable: shape.kind === 'write' || (shape.kind === 'read' && shape.verb !== 'EXPLAIN'),
    shape,
  }
}

/** Kysely's view of an answer. With RETURNING every changed row is a returned row, so the count is theirs. */
export function toQueryResult<R>({ shape }: RoutedStatement, result: StatementResult): QueryResult<R> {
  const rows = result.rows as R[]
  if (!changesRows(shape.verb)) return { rows }
  if (shape.returning) return { rows, numAffectedRows: BigInt(rows.length) }
  // One row mostly: a bigint that is made anew is a fiftieth of a small insert.
  const numAffectedRows = result.changes === 1 ? 1n : BigInt(result.changes ?? 0)
  // SQLite keeps the last rowid of the connection: after an insert that inserted nothing it would be someone else's, and
  // of an upsert nobody knows whether it did.
  const { lastInsertRowid } = result
  if (shape.updates || shape.verb === 'DELETE' || numAffectedRows === 0n || lastInsertRowid === undefined)
    return { rows, numAffectedRows }
  return { rows, numAffectedRows, insertId: BigInt(lastInsertRowid) }
}
