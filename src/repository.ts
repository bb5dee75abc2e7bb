/**
 * A table by its key: inserts, upserts, updates and deletes any number of rows with constant SQL.
 *
 * @module
 */
import { expressionBuilder, type Insertable, type Kysely, type Transaction } from 'kysely'
import { type BulkHost, type BulkOptions, type BulkResult, writeBulk } from './bulk.ts'
import { queueHost, transactionHost } from './bulk-host.ts'
import { BulkRows, type Duplicates } from './bulk-rows.ts'
import { type BulkTable, type BulkVerb, type Condition, type MergeRule, requiredBy } from './bulk-sql.ts'
import { BulkTexts } from './bulk-texts.ts'
import { ConfigError } from './errors.ts'
import type { ConnectionPool } from './pool.ts'
import type {
  ConditionOptions,
  InsertManyOptions,
  KeyValue,
  RepositoryKey,
  TableName,
  UpdateManyOptions,
  UpdateRow,
  UpsertManyOptions,
  UpsertRow,
} from './repository-types.ts'

/** Bulk verbs on one table. Get one with `storage.repository()`, once, and keep it: it keeps its compiled statements. */
export class Repository<DB, Table extends TableName<DB>, const Key extends RepositoryKey<DB, Table>> {
  readonly #pool: ConnectionPool
  readonly #host: BulkHost
  readonly #table: BulkTable
  readonly #texts: BulkTexts

  /** Use `storage.repository()`. */
  constructor(
    pool: ConnectionPool,
    table: BulkTable,
    host: BulkHost = queueHost(pool),
    texts: BulkTexts = new BulkTexts(table),
  ) {
    if (table.key.length === 0)
      throw new ConfigError(`Cannot make a repository of ${table.name} without a key`)
    this.#pool = pool
    this.#table = table
    this.#host = host
    this.#texts = texts
  }

  /**
   * The same table inside a transaction of the caller: calls are atomic there, wait for nothing, and are stored by its
   * COMMIT.
   *
   * @example
   * ```ts
   * await storage.write((trx) => sessions.in(trx).deleteMany(ids))
   * ```
   */
  in(trx: Transaction<DB>): Repository<DB, Table, Key> {
    return new Repository(this.#pool, this.#table, transactionHost(this.#pool, trx), this.#texts)
  }

  /**
   * Inserts rows. Of rows with the same key the last one is inserted; with `onConflict: 'nothing'` the first one is.
   * A column that a row does not have, or that is `undefined`, gets its default.
   *
   * @throws {ConstraintError} If a row is refused, such as one whose key is stored already.
   * @throws {BulkWriteError} If a slice of more than one failed; what came before it is stored.
   *
   * @example
   * ```ts
   * const events = storage.repository('usage_event', { key: 'id' })
   * const { changes } = await events.insertMany(rows, { onConflict: 'nothing', lane: 'background' })
   * ```
   */
  insertMany(rows: readonly Insertable<DB[Table]>[], options: InsertManyOptions = {}): Promise<BulkResult> {
    const { onConflict = 'fail', ...bulkOptions } = options
    const ignoresConflicts = onConflict === 'nothing'
    const verb: BulkVerb = { name: 'insert', ignoresConflicts }
    return this.#write(rows, verb, ignoresConflicts ? 'in-order' : 'replace', bulkOptions)
  }

  /**
   * Inserts rows, or merges them into those that have their key. Rows of the same key are merged one after the other:
   * where values replace each other, the last one wins.
   *
   * @throws {InvalidStatementError} If a key is null or missing.
   * @throws {ConstraintError} If a row is refused.
   * @throws {BulkWriteError} If a slice of more than one failed; what came before it is stored.
   *
   * @example
   * ```ts
   * const machines = storage.repository('machine', { key: 'id' })
   * await machines.upsertMany(rows, { merge: { last_active_at: 'max', created_at: 'keep', daemon_state: 'coalesce' } })
   * ```
   */
  upsertMany(
    rows: readonly UpsertRow<DB, Table, Key>[],
    options: UpsertManyOptions<DB, Table> = {},
  ): Promise<BulkResult> {
    const { merge = {}, onlyIfGreater, where, ...bulkOptions } = options
    const only = conditionOf<DB, Table>(onlyIfGreater, where)
    const rules = merge as Readonly<Record<string, MergeRule>>
    const replaces = isEmpty(only) && Object.values(rules).every((rule) => rule === 'replace')
    return this.#write(
      rows,
      { name: 'upsert', merge: rules, only },
      replaces ? 'overwrite' : 'in-order',
      bulkOptions,
    )
  }

  /**
   * Changes the given columns of the rows that have these keys. Rows of the same key are applied one after the other;
   * a key that is not stored is passed over.
   *
   * @throws {InvalidStatementError} If a key is null or missing.
   * @throws {ConstraintError} If a row is refused.
   * @throws {BulkWriteError} If a slice of more than one failed; what came before it is stored.
   *
   * @example
   * ```ts
   * const sessions = storage.repository('session', { key: 'id' })
   * await sessions.updateMany(seen, {
   *   onlyIfGreater: 'last_active_at',
   *   where: (eb) => eb('session.ended_at', 'is', null),
   * })
   * ```
   */
  updateMany(
    rows: readonly UpdateRow<DB, Table, Key>[],
    options: UpdateManyOptions<DB, Table> = {},
  ): Promise<BulkResult> {
    const { onlyIfGreater, where, ...bulkOptions } = options
    const only = conditionOf<DB, Table>(onlyIfGreater, where)
    return this.#write(rows, { name: 'update', only }, isEmpty(only) ? 'overwrite' : 'apart', bulkOptions)
  }

  /**
   * Deletes the rows that have these keys: values, or objects where the key has several columns.
   *
   * @throws {InvalidStatementError} If a key is null.
   * @throws {ConstraintError} If other rows refer to one of them.
   * @throws {BulkWriteError} If a slice of more than one failed; what came before it is deleted.
   *
   * @example
   * ```ts
   * await storage.repository('session', { key: 'id' }).deleteMany(['s1', 's2'])
   * await storage.repository('member', { key: ['team', 'user'] }).deleteMany([{ team: 't1', user: 'u1' }])
   * ```
   */
  deleteMany(keys: readonly KeyValue<DB, Table, Key>[], options: BulkOptions = {}): Promise<BulkResult> {
    const columns = this.#table.key
    const rowOf = (key: unknown): object => {
      const [only] = columns
      if (columns.length === 1 && only !== undefined) return { [only]: key }
      return Object.fromEntries(columns.map((column) => [column, (key as Record<string, unknown>)[column]]))
    }
    return this.#write(keys.map(rowOf), { name: 'delete' }, 'overwrite', options)
  }

  async #write(
    given: readonly object[],
    verb: BulkVerb,
    duplicates: Duplicates,
    options: BulkOptions,
  ): Promise<BulkResult> {
    const rows = new BulkRows({
      table: this.#table.name,
      key: this.#table.key,
      required: requiredBy(verb, this.#table.key),
      keyIsEnough: verb.name !== 'update',
      duplicates,
      integers: this.#pool.integerBinding,
    })
    const isOrderFree = verb.name === 'update' || verb.name === 'delete'
    return writeBulk(this.#host, { given, rows, textOf: this.#texts.of(verb), isOrderFree }, options)
  }
}

function conditionOf<DB, Table extends keyof DB>(
  onlyIfGreater: string | undefined,
  where: ConditionOptions<DB, Table>['where'],
): Condition {
  return {
    onlyIfGreater,
    where: where?.(expressionBuilder<DB & { readonly excluded: DB[Table] }, Table | 'excluded'>()),
  }
}

function isEmpty({ onlyIfGreater, where }: Condition): boolean {
  return onlyIfGreater === undefined && where === undefined
}

/** The Kysely that compiles and the table, as one. */
export function tableOf<DB>(db: Kysely<DB>, name: string, key: string | readonly string[]): BulkTable {
  return { db, name, key: typeof key === 'string' ? [key] : key }
}
