/**
 * A storage: one database, opened with one connector, that is never "busy" for its callers.
 *
 * @module
 */
import type { Compilable, Dialect, Kysely, KyselyPlugin, Transaction } from 'kysely'
import { AppendQueue } from './append-queue.ts'
import { type BatchQuery, type BatchResults, runBatch } from './batch.ts'
import type { AppendTo, InsertedColumn, Overflow, PushedRow } from './buffers/append-options.ts'
import type { CoalesceOptions } from './buffers/coalesce-options.ts'
import type { FlushOptions } from './buffers/flush-loop.ts'
import type { PushResult } from './buffers/write-behind.ts'
import type { RepositoryKey, TableName } from './bulk/repository-types.ts'
import { CoalescingBuffer } from './coalescing-buffer.ts'
import { OpenDialect } from './dialect.ts'
import type { DoctorOptions } from './doctor/examination.ts'
import type { DoctorReport } from './doctor/report.ts'
import { OnDemand } from './on-demand.ts'
import type { WaitOptions, WriteOptions } from './options/pool-options.ts'
import { checkLockTimeout } from './options/retry.ts'
import type { CloseReport } from './pool/shutdown.ts'
import type { ConnectionPool } from './pool.ts'
import { Repository, tableOf } from './repository.ts'
import { bufferHost } from './storage/buffer-host.ts'
import { type KyselyOptions, kyselyFactory } from './storage/kysely.ts'
import { type PreparedQuery, prepareQuery } from './storage/prepared-query.ts'
import { rowInserter } from './storage/row-inserter.ts'
import { type StorageStats, statsOf } from './storage/stats.ts'

const copying = new OnDemand(() => import('./storage/backup.ts'))

/** An open database. Close it, or declare it with `await using`. */
export class Storage<DB> implements AsyncDisposable {
  readonly #pool: ConnectionPool
  readonly #kyselyFor: (waitOptions?: WaitOptions) => Kysely<DB>
  readonly #plugins: readonly KyselyPlugin[]
  /** Kysely on this storage. `db.destroy()` is `close()`. */
  readonly db: Kysely<DB>
  /** The dialect of this storage, for libraries that make a Kysely of their own. */
  readonly dialect: Dialect

  /** Use `openStorage()`. */
  constructor(pool: ConnectionPool, options: KyselyOptions) {
    this.#pool = pool
    this.dialect = new OpenDialect(pool)
    this.#kyselyFor = kyselyFactory<DB>(pool, this.dialect, options)
    this.#plugins = options.plugins ?? []
    this.db = this.#kyselyFor()
  }

  /**
   * Kysely whose queries and transactions wait as told (contract C7).
   *
   * @example
   * ```ts
   * const urgent = storage.with({ lane: 'control', lockTimeoutMs: 8_000 })
   * await urgent.insertInto('machine').values(machine).execute()
   * ```
   */
  with(options: WaitOptions): Kysely<DB> {
    return this.#kyselyFor(options)
  }

  /**
   * Runs `callback` in a write transaction (contracts C2 to C4): once it has the lock, once only. Its result is the
   * result; when it throws, everything is rolled back.
   *
   * @throws {LockTimeoutError} If the lock was not free within the budget; the callback did not run.
   *
   * @example
   * ```ts
   * const count = await storage.write(async (trx) => {
   *   const { n } = await trx.selectFrom('counter').select('n').executeTakeFirstOrThrow()
   *   await trx.updateTable('counter').set({ n: n + 1 }).execute()
   *   return n + 1
   * }, { lockTimeoutMs: 5_000 })
   * ```
   */
  write<T>(callback: (trx: Transaction<DB>) => Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#kyselyFor(options).transaction().execute(callback)
  }

  /**
   * Runs queries in order and in one lock cycle: all of them are committed, or none (contract C6). The results are those
   * of `db.executeQuery`, typed query by query.
   *
   * @throws {OutcomeUnknownError} If the answer of a server was lost: the batch may be stored, or not.
   * @throws {UnbusyError} The first error of a query; nothing of the batch is stored then.
   *
   * @example
   * ```ts
   * const [inserted, counted] = await storage.batch([
   *   storage.db.insertInto('note').values({ text: 'hello' }).returning('id'),
   *   storage.db.selectFrom('note').select((eb) => eb.fn.countAll<number>().as('n')),
   * ])
   * ```
   */
  batch<const Queries extends readonly BatchQuery[]>(
    queries: Queries,
    options?: WriteOptions,
  ): Promise<BatchResults<Queries>> {
    return runBatch(this.#pool, this.#plugins, queries, options)
  }

  /**
   * Builds and compiles a query once; each call only binds its parameters. They cannot decide what the query looks like,
   * and each is one value: for a list bind JSON, and read it with `json_each()`.
   *
   * @throws {InvalidStatementError} If the builder computes with a parameter, or takes it apart.
   *
   * @example
   * ```ts
   * const touch = storage.prepare((db, p: { id: string; at: number }) =>
   *   db.updateTable('machine').set({ last_active_at: p.at }).where('id', '=', p.id),
   * )
   * await touch({ id: 'm1', at: Date.now() })
   * ```
   */
  prepare<Parameters extends object, Row>(
    build: (db: Kysely<DB>, parameters: Parameters) => Compilable<Row>,
  ): PreparedQuery<Parameters, Row> {
    return prepareQuery(this.#pool, this.#plugins, (parameters: Parameters) => build(this.db, parameters))
  }

  /**
   * Bulk verbs on one table, by its key: a thousand rows cost one statement and one lock cycle. Keep the repository: it
   * keeps its compiled statements.
   *
   * @throws {ConfigError} If the table or its key is missing.
   *
   * @example
   * ```ts
   * const sessions = storage.repository('session', { key: 'id' })
   * await sessions.updateMany(seen, { onlyIfGreater: 'last_active_at', lockTimeoutMs: 2_000 })
   * ```
   */
  repository<Table extends TableName<DB>, const Key extends RepositoryKey<DB, Table>>(
    table: Table,
    options: { readonly key: Key },
  ): Repository<DB, Table, Key> {
    return new Repository(this.#pool, tableOf(this.db, table, options?.key))
  }

  /**
   * A buffer for what changes often and of which only the latest counts: it holds one value per key, and flushes them
   * together (contract C12), at the latest when the storage closes.
   *
   * @throws {RangeError | ConfigError} If an option cannot be used.
   * @throws {StorageClosedError} If the storage is closing or closed.
   *
   * @example
   * ```ts
   * const sessions = storage.repository('session', { key: 'id' })
   * const presence = storage.coalesce({
   *   key: (seen: { id: string; last_active_at: number }) => seen.id,
   *   merge: (older, newer) => (newer.last_active_at > older.last_active_at ? newer : older),
   *   flush: (seen, context) => sessions.updateMany(seen, { onlyIfGreater: 'last_active_at', ...context }),
   * })
   * presence.set({ id: 's1', last_active_at: Date.now() })
   * ```
   */
  coalesce<Key, Value>(options: CoalesceOptions<Key, Value>): CoalescingBuffer<Key, Value> {
    return this.#pool.buffers.add(new CoalescingBuffer(options, bufferHost(this.#pool, options)))
  }

  /**
   * A bounded queue of rows to insert, for requests that must not wait for the database (contract C12). They are written
   * at the latest when the storage closes. With `overflow: 'wait'` each `push()` answers a promise.
   *
   * @throws {RangeError | ConfigError | StorageClosedError} If an option cannot be used, or the storage is closing.
   *
   * @example
   * ```ts
   * const usage = storage.append({ table: 'usage_event', idempotencyKey: 'id', timestamp: 'created_at' })
   * const { accepted } = usage.push({ id: request.id, tokens: 42 })
   * ```
   */
  append<Table extends TableName<DB>, Time extends InsertedColumn<DB, Table> = never>(
    options: AppendTo<DB, Table, Time> & { readonly overflow?: Exclude<Overflow, 'wait'> },
  ): AppendQueue<PushedRow<DB, Table, Time>>
  append<Table extends TableName<DB>, Time extends InsertedColumn<DB, Table> = never>(
    options: AppendTo<DB, Table, Time> & { readonly overflow: 'wait' },
  ): AppendQueue<PushedRow<DB, Table, Time>, Promise<PushResult>>
  append<Table extends TableName<DB>, Time extends InsertedColumn<DB, Table> = never>(
    options: AppendTo<DB, Table, Time>,
  ): AppendQueue<PushedRow<DB, Table, Time>, PushResult | Promise<PushResult>> {
    const host = bufferHost(this.#pool, options)
    const insert = rowInserter(this.#pool, this.db, options.table, options.idempotencyKey)
    return this.#pool.buffers.add(new AppendQueue(options, host, insert))
  }

  /**
   * Flushes every buffer. Resolves once all they held at the call is committed, or reported as dropped.
   *
   * @throws {FlushTimeoutError} If that took longer than `timeoutMs`; nothing is lost by that.
   */
  flush(options?: FlushOptions): Promise<void> {
    return this.#pool.buffers.flush(options)
  }

  /**
   * Writes a consistent copy of the database to a new file, with `VACUUM INTO`.
   *
   * @param path A path or a `file:` URL, read as that of a database.
   * @throws {ConfigError} If it is not that of a file, or of one that exists and is no database.
   * @throws {SqliteError} If the database exists already.
   * @throws {UnsupportedError} If the database is on a server, or D1.
   */
  async backup(path: string): Promise<void> {
    this.#pool.intake.assertTakesIn()
    return (await copying.load()).copy(this.#pool, path)
  }

  /**
   * Looks for what is wrong or dangerous with the database, and reports the same as `npx unbusy doctor`: the version of
   * SQLite, the journal, a pinned WAL, the file system, who else has the file open, foreign keys, integrity. It changes
   * nothing but for one PASSIVE checkpoint, and reads the whole database unless told not to (`scan`).
   *
   * @throws {RangeError | StorageClosedError} If `lockTimeoutMs` is none, or the storage is closed, if only meanwhile.
   *
   * @example
   * ```ts
   * const { severity, checks } = await storage.doctor({ scan: false })
   * for (const check of checks) if (check.severity !== 'ok') console.log(check.message, check.advice)
   * ```
   */
  async doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
    this.#pool.intake.assertTakesIn()
    if (options.lockTimeoutMs !== undefined) checkLockTimeout(options.lockTimeoutMs)
    // Loaded when it is asked for: a fifth of the core's size, of which an isolate on the edge has no use.
    const { examineStorage } = await import('./storage/doctor.ts')
    return examineStorage(this.#pool, options)
  }

  /** Whether {@linkcode Storage.close} was called. */
  get isClosed(): boolean {
    return this.#pool.intake.isClosing
  }

  /** Figures of this moment. */
  stats(): StorageStats {
    return statsOf(this.#pool)
  }

  /**
   * Takes nothing new in, lets what is buffered, queued and open finish within `drainTimeoutMs`, checkpoints once and
   * closes every connection (contract C15). While buffers are drained, queries still run. Calling it again answers the same.
   */
  close(): Promise<CloseReport> {
    return this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
