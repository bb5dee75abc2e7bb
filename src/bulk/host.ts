/**
 * Where bulk calls write to: the queue of a storage, or a transaction of the caller.
 *
 * @module
 */
import { CompiledQuery, type Transaction } from 'kysely'
import type { BulkHost } from '../bulk.ts'
import { toStatement } from '../connection/statement.ts'
import { writeStatements } from '../pool/write-statements.ts'
import type { ConnectionPool } from '../pool.ts'

/** Writes each slice as one unit of the queue. */
export function queueHost(pool: ConnectionPool): BulkHost {
  return {
    now: () => pool.clock.now(),
    nextTurn: () => pool.connector.nextTurn(),
    deadlineMs: (options) => pool.startWait(options).deadlineMs,
    isOneUnit: false,
    limits: pool.connector.capabilities,
    async write(queries, options) {
      pool.intake.assertOpen()
      const statements = queries.map((query) => toStatement(query, pool.integerBinding))
      const results = await writeStatements(pool, statements, options)
      return results?.reduce((sum, { changes }) => sum + Number(changes ?? 0), 0)
    },
  }
}

/** A transaction, whatever its schema. */
export type AnyTransaction = Pick<Transaction<unknown>, 'executeQuery'>

/** Writes in a transaction that has the lock already; its COMMIT is the caller's. */
export function transactionHost(pool: ConnectionPool, trx: AnyTransaction): BulkHost {
  return {
    ...queueHost(pool),
    isOneUnit: true,
    async write(queries) {
      let changes = 0
      for (const { sql, parameters } of queries) {
        const { numAffectedRows } = await trx.executeQuery(CompiledQuery.raw(sql, [...parameters]))
        changes += Number(numAffectedRows ?? 0)
      }
      return changes
    },
  }
}
