/**
 * How the rows of an append queue reach their table: one statement and one lock cycle a batch, all of it or nothing.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import type { InsertRows } from '../buffers/append-options.ts'
import type { ConnectionPool } from '../pool.ts'
import { Repository, tableOf } from '../repository.ts'

// biome-ignore lint/suspicious/noExplicitAny: what the rows are is checked where they are pushed
type AnySchema = any

/** Inserts rows into `table`; with an idempotency key the row that is stored already wins. */
export function rowInserter<Row extends object>(
  pool: ConnectionPool,
  db: Kysely<AnySchema>,
  table: string,
  idempotencyKey: string | undefined,
): InsertRows<Row> {
  // Without a key no two rows are the same: no row has a column without a name.
  const rows = new Repository<AnySchema, string, string>(pool, tableOf(db, table, idempotencyKey ?? ''))
  const onConflict = idempotencyKey === undefined ? 'fail' : 'nothing'
  return async (batch, context) => {
    const { changes, isRepeated } = await rows.insertMany(batch, { ...context, onConflict, atomic: true })
    // The answer of the first try was lost, with the number of rows that were new.
    return isRepeated ? batch.length : changes
  }
}
