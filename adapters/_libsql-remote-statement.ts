/**
 * A statement as `@libsql/client` sends it to a server: made so that neither of the two trips over its text.
 *
 * @module
 */
import type { Statement } from '../src/connector.ts'

/** What the client takes. */
export interface RemoteStatement {
  readonly sql: string
  readonly args: readonly unknown[]
}

/** SQL texts shorter than this are stored at the server, which counts bytes where the client counts UTF-16 units. */
export const storedSqlLimit = 5_000

/** The same statement, to be sent. */
export function toRemote(statement: Statement): RemoteStatement {
  const sql = statement.sql.toWellFormed()
  const args = statement.parameters.some(isHalfText)
    ? statement.parameters.map((value) => (isHalfText(value) ? value.toWellFormed() : value))
    : statement.parameters
  const isStored = sql.length < storedSqlLimit
  if (!isStored || sql.length * 3 < storedSqlLimit) return { sql, args }
  if (new TextEncoder().encode(sql).length < storedSqlLimit) return { sql, args }
  // Too long for the server in bytes and not for the client in units: made too long for both, it is sent as it is.
  return { sql: sql.padEnd(storedSqlLimit), args }
}

/** Whether it has one half of a character: sqld cannot read the JSON of that, and would refuse the whole request. */
function isHalfText(value: unknown): value is string {
  return typeof value === 'string' && !value.isWellFormed()
}
