/**
 * A table by its key: inserts, upserts, updates and deletes any number of rows with constant SQL.
 *
 * @module
 */
import { expressionBuilder, type Insertable, type Kysely, type Transaction } from 'kysely'
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
} from './bulk/repository-types.ts'
import type { BulkTable, BulkVerb, Condition, MergeRule } from './bulk/sql.ts'
import type { BulkWriter } from './bulk/writer.ts'
import type { BulkOptions, BulkResult } from './bulk.ts'
import { ConfigError } from './errors.ts'
import { OnDemand } from './on-demand.ts'
import { checkWord } from './options/option-checks.ts'
import type { ConnectionPool } from './pool.ts'

const bulk = new OnDemand(() => import('./bulk/writer.ts'))

/** Bulk verbs on one table. Get one with `storage.repository()`, once, and keep it: it keeps its compiled statements. */
export class Repository<DB, Table extends TableName<DB>, const Key extends RepositoryKey<DB, Table>> {
  readonly #pool: ConnectionPool
  readonly #table: BulkTable
  readonly #trx: Transaction<DB> | undefined
  #writer: BulkWriter | undefined

  /** Use `storage.repository()`. */
  constructor(pool: ConnectionPool, table: BulkTable, trx?: Transaction<DB>) {
    this.#pool = pool
    this.#table = table
    this.#trx = trx
    // Where it fails, the first call tries again and says so.
    if (bulk.loaded === undefined) void bulk.load().catch(() => {})
  }

  /**
   * The same table inside a transaction of the caller: calls wait for nothing there, and are stored by its COMMIT. Let the
   * error of one that fails end the transaction: of many rows, some may be written in it already.
   *
   * @example
   * ```ts
   * await storage.write((trx) => sessions.in(trx).deleteMany(ids))
   * ```
   */
  in(trx: Transaction<DB>): Repository<DB, Table, Key> {
    return new Repository(this.#pool, this.#table, trx)
  }

  /**
   * Inserts rows. Of rows with the same key the last one is inserted; with `onConflict: 'nothing'` the first one is.
   * A column that a row does not have, or that is `undefined`, gets its default.
   *
   * @throws {ConstraintError} If a row is refused, such as one whose key is stored already.
   * @throws {ConfigError} If `onConflict` is another word.
   * @throws {BulkWriteError} If a slice of more than one failed; what came before it is stored.
   *
   * @example
   * ```ts
   * const events = storage.repository('usage_event', { key: 'id' })
   * const { changes } = await events.insertMany(rows, { onConflict: 'nothing', lane: 'background' })
   * ```
   */
  async insertMany(
    rows: readonly Insertable<DB[Table]>[],
    options: InsertManyOptions = {},
  ): Promise<BulkResult> {
    const { onConflict = 'fail', ...bulkOptions } = options
    checkWord('Cannot insert rows as onConflict', onConflict, ['fail', 'nothing'])
    // On Bun only what is awaited keeps the frames of its caller.
    return await this.#write(
      rows,
      { name: 'insert', ignoresConflicts: onConflict === 'nothing' },
      bulkOptions,
    )
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
    const rules = merge as Readonly<Record<string, MergeRule>>
    const only = conditionOf<DB, Table>(onlyIfGreater, where)
    return this.#write(rows, { name: 'upsert', merge: rules, only }, bulkOptions)
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
    return this.#write(rows, { name: 'update', only }, bulkOptions)
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
    return this.#write(keys.map(rowOf), { name: 'delete' }, options)
  }

  async #write(given: readonly object[], verb: BulkVerb, options: BulkOptions): Promise<BulkResult> {
    if (this.#trx === undefined) this.#pool.intake.assertTakesIn()
    if (bulk.loaded !== undefined) return await this.#writerOf(bulk.loaded).write(given, verb, options)
    // The caller's rows are his again when this returns, and its place is before the writes that come next (C5).
    const rows = given.map((row) => ({ ...row }))
    const loading = bulk.load()
    await this.#pool.queue.keepBackUntil(loading)
    return await this.#writerOf(bulk.loaded ?? (await loading)).write(rows, verb, options)
  }

  #writerOf(code: { readonly BulkWriter: typeof BulkWriter }): BulkWriter {
    this.#writer ??= new code.BulkWriter(this.#pool, this.#table, this.#trx)
    return this.#writer
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

/**
 * The Kysely that compiles and the table, as one.
 *
 * @throws {ConfigError} If the table or its key is missing.
 */
export function tableOf<DB>(db: Kysely<DB>, name: string, key: string | readonly string[]): BulkTable {
  if (typeof name !== 'string')
    throw new ConfigError(`Cannot write rows to a table as it is of type ${typeof name}`)
  const columns = typeof key === 'string' ? [key] : key
  if (!Array.isArray(columns) || columns.length === 0 || columns.some((it) => typeof it !== 'string'))
    throw new ConfigError(`Cannot make a repository of ${name} without a key`)
  return { db, name, key: columns }
}
