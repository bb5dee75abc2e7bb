/**
 * What a repository writes with: the rows of one call become statements, and those go to the queue or into a transaction.
 * Loaded when there is a repository.
 *
 * @module
 */
import { type BulkHost, type BulkOptions, type BulkResult, sliceRows, writeBulk } from '../bulk.ts'
import type { ConnectionPool } from '../pool.ts'
import { type AnyTransaction, queueHost, transactionHost } from './host.ts'
import type { BulkOrder } from './order.ts'
import { BulkRows, type Duplicates } from './rows.ts'
import type { BulkTable, BulkVerb, Condition } from './sql.ts'
import { BulkTexts } from './texts.ts'

/** By the table, which a repository has in common with those that are made of it for transactions. */
const textsByTable = new WeakMap<BulkTable, BulkTexts>()

/** Writes rows of one table. */
export class BulkWriter {
  readonly #pool: ConnectionPool
  readonly #table: BulkTable
  readonly #host: BulkHost
  readonly #texts: BulkTexts

  /** @param trx The transaction that is written in; without one it is the queue. */
  constructor(pool: ConnectionPool, table: BulkTable, trx: AnyTransaction | undefined) {
    this.#pool = pool
    this.#table = table
    this.#host = trx === undefined ? queueHost(pool) : transactionHost(pool, trx)
    this.#texts = textsByTable.get(table) ?? new BulkTexts(table)
    textsByTable.set(table, this.#texts)
  }

  async write(given: readonly object[], verb: BulkVerb, options: BulkOptions): Promise<BulkResult> {
    const { name, key } = this.#table
    const { columns, textOf } = this.#texts.of(verb)
    const rows = new BulkRows({
      table: name,
      key,
      columns,
      keyIsEnough: verb.name !== 'update',
      duplicates: duplicatesOf(verb),
      integers: this.#pool.integerBinding,
    })
    const work = { given: keptFrom(given, verb), rows, textOf, order: orders[verb.name] }
    const writing = writeBulk(this.#host, work, options)
    // A storage that closes meanwhile lets its next slices in (contract C15).
    const { calls } = this.#pool.intake
    calls.add(writing)
    try {
      return await writing
    } finally {
      calls.delete(writing)
    }
  }
}

/** The first slice is read before the call returns; of the others the caller may change the rows meanwhile, or his array. */
function keptFrom(given: readonly object[], { name }: BulkVerb): readonly object[] {
  // Rows of keys are made for the call.
  if (given.length <= sliceRows || name === 'delete') return given
  return given.map((row, index) => (index < sliceRows ? row : { ...row }))
}

const orders: Readonly<Record<BulkVerb['name'], BulkOrder>> = {
  insert: 'given',
  upsert: 'grouped',
  update: 'free',
  delete: 'free',
}

function duplicatesOf(verb: BulkVerb): Duplicates {
  switch (verb.name) {
    case 'insert':
      return verb.ignoresConflicts ? 'in-order' : 'replace'
    case 'upsert': {
      const replaces = Object.values(verb.merge).every((rule) => rule === 'replace')
      return replaces && isEmpty(verb.only) ? 'overwrite' : 'in-order'
    }
    case 'update':
      return isEmpty(verb.only) ? 'overwrite' : 'apart'
    case 'delete':
      return 'overwrite'
  }
}

function isEmpty({ onlyIfGreater, where }: Condition): boolean {
  return onlyIfGreater === undefined && where === undefined
}
