/**
 * Rows as `@libsql/client` gives them, by position, to rows by name.
 *
 * @module
 */
import { type IntegerReading, normalizeRows, type Row, type SqlValue } from '../src/values.ts'
import type { LibsqlResultSet } from './_libsql-client.ts'

/**
 * Reads the rows of an answer whose integers are bigint.
 *
 * @throws {RangeError} If `integers` is `strict` and one is beyond 2^53.
 */
export function readLibsqlRows({ columns, rows }: LibsqlResultSet, integers: IntegerReading): Row[] {
  const read = rows.map((values) => {
    const row: Row = {}
    for (const [index, column] of columns.entries()) row[column] = values[index] as SqlValue
    return row
  })
  return normalizeRows(read, true, integers) as Row[]
}
