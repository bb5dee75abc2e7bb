/**
 * A storage: one database, opened with one connector, that is never "busy" for its callers.
 *
 * @module
 */
import { CompiledQuery, type Dialect, Kysely, type KyselyConfig, type Transaction } from 'kysely'
import { OpenDialect } from './dialect.ts'
import { UnbusyDriver } from './driver.ts'
import { StorageExecutor } from './executor.ts'
import { type CloseReport, ConnectionPool, type PoolOptions, type WaitOptions } from './pool.ts'
import { queryAlone } from './router.ts'

/** Options of {@linkcode openStorage}: those of the storage, and Kysely's `plugins` and `log`. */
export interface StorageOptions extends PoolOptions, Pick<KyselyConfig, 'plugins' | 'log'> {}

/** Figures of a storage at one moment. */
export interface StorageStats {
  /** The name of the connector. */
  readonly connector: string
  /** Writes and transactions that wait for the writer now. */
  readonly queuedWrites: number
  /** Readers that are open now. */
  readonly openReaders: number
}

/**
 * Opens a database. The writer is connected and initialized when this resolves (contract C1).
 *
 * @throws {ConfigError | RangeError} If an option cannot be used; nothing was opened.
 * @throws {OpenError} If the database cannot be opened; the message says what is wrong with it.
 * @throws {LockTimeoutError} If another process kept the file locked while it had to be created or switched to WAL.
 *
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { betterSqlite3 } from 'unbusy/better-sqlite3'
 *
 * await using storage = await openStorage<Database>({ connector: betterSqlite3({ url: 'file:./app.db' }) })
 * await storage.db.insertInto('note').values({ text: 'hello' }).execute()
 * ```
 */
export async function openStorage<DB>(options: StorageOptions): Promise<Storage<DB>> {
  return new Storage<DB>(await ConnectionPool.open(options), options)
}

/** An open database. Close it, or declare it with `await using`. */
export class Storage<DB> implements AsyncDisposable {
  readonly #pool: ConnectionPool
  readonly #kyselyFor: (waitOptions?: WaitOptions) => Kysely<DB>
  /** Kysely on this storage: every query is routed, patient and safe from its neighbours. `db.destroy()` is `close()`. */
  readonly db: Kysely<DB>
  /** The dialect of this storage, for libraries that make a Kysely of their own. */
  readonly dialect: Dialect

  /** Use {@linkcode openStorage}. */
  constructor(pool: ConnectionPool, options: Pick<StorageOptions, 'plugins' | 'log'>) {
    this.#pool = pool
    this.dialect = new OpenDialect(pool)
    this.#kyselyFor = kyselyFactory<DB>(pool, this.dialect, options)
    this.db = this.#kyselyFor()
  }

  /**
   * Runs `callback` in a write transaction (contracts C2 to C4): the lock is waited for, then the callback runs once,
   * and what it returns is the result. When it throws, everything is rolled back.
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
   * Writes a consistent copy of the database to a new file, with `VACUUM INTO`.
   *
   * @throws {SqliteError} If the file exists already.
   */
  async backup(path: string): Promise<void> {
    await this.db.executeQuery(CompiledQuery.raw('VACUUM INTO ?', [path]))
  }

  /** Whether {@linkcode Storage.close} was called. */
  get isClosed(): boolean {
    return this.#pool.isClosing
  }

  stats(): StorageStats {
    const { connector, queue, readers } = this.#pool
    return { connector: connector.name, queuedWrites: queue.size, openReaders: readers.count }
  }

  /**
   * Takes nothing new in, lets what is queued and open finish within `drainTimeoutMs`, checkpoints once and closes
   * every connection (contract C15). Calling it again answers the same.
   */
  close(): Promise<CloseReport> {
    return this.#pool.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function kyselyFactory<DB>(
  pool: ConnectionPool,
  dialect: Dialect,
  options: Pick<StorageOptions, 'plugins' | 'log'>,
): (waitOptions?: WaitOptions) => Kysely<DB> {
  // Kysely's RuntimeDriver is not public, so its provider (with logging and abortable acquisition) is taken from here.
  const config: KyselyConfig = { dialect, ...options }
  const base = new Kysely<DB>(config).getExecutor()
  const executor = new StorageExecutor(
    {
      clock: pool.clock,
      context: pool.connector.context,
      compiler: dialect.createQueryCompiler(),
      adapter: base.adapter,
      provider: { provideConnection: (consumer, abort) => base.provideConnection(consumer, abort) },
      ...(options.log === undefined && {
        executeAlone: (query) => queryAlone(pool, query),
      }),
    },
    options.plugins,
  )
  return (waitOptions) => {
    const driver = new UnbusyDriver(async () => pool, waitOptions)
    void driver.init()
    return new Kysely<DB>({ config, executor, dialect, driver })
  }
}
