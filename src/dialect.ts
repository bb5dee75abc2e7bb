/**
 * The dialect for `new Kysely({ dialect })`, Better Auth, kysely-ctl and whatever else takes one.
 *
 * @module
 */
import type { DatabaseIntrospector, Dialect, DialectAdapter, Driver, Kysely, QueryCompiler } from 'kysely'
import { UnbusyAdapter } from './adapter.ts'
import { UnbusyDriver } from './driver.ts'
import { UnbusyIntrospector } from './kysely/introspector.ts'
import { UnbusyQueryCompiler } from './kysely/query-compiler.ts'
import { checkOptions } from './options/option-checks.ts'
import type { PoolOptions } from './options/pool-options.ts'
import { openPool } from './pool/opening.ts'
import type { ConnectionPool } from './pool.ts'

/**
 * A Kysely dialect with the contract of this library. The database is opened at the first query.
 *
 * `storage.db` of {@linkcode openStorage} does two things more: inside a transaction or `connection()`, a query in the
 * loop over a stream of the same handle works there and waits for ever here, in Kysely's own connection provider. And
 * `connection()` has the writer for itself from its first write on and sets its pragmas back; here it is not told from single
 * queries, so that others write between its statements, and a pragma that is set inside stays set.
 *
 * @throws {ConfigError | RangeError} If an option cannot be used.
 *
 * @example
 * ```ts
 * import { Kysely } from 'kysely'
 * import { UnbusyDialect } from 'unbusy'
 * import { betterSqlite3 } from 'unbusy/better-sqlite3'
 *
 * const db = new Kysely<Database>({ dialect: new UnbusyDialect({ connector: betterSqlite3({ url: 'file:app.db' }) }) })
 * ```
 */
export class UnbusyDialect implements Dialect {
  readonly #open: () => Promise<ConnectionPool>
  readonly #reservedTablePrefix: string | undefined

  constructor(options: PoolOptions) {
    checkOptions(options)
    this.#reservedTablePrefix = options.connector.capabilities.reservedTablePrefix
    this.#open = () => openPool(options)
  }

  createDriver(): Driver {
    return new UnbusyDriver(this.#open)
  }

  createQueryCompiler(): QueryCompiler {
    return new UnbusyQueryCompiler()
  }

  createAdapter(): DialectAdapter {
    return new UnbusyAdapter()
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new UnbusyIntrospector(db, this.#reservedTablePrefix)
  }
}

/** A dialect over a pool that is open already: closing either closes both. */
export class OpenDialect extends UnbusyDialect {
  readonly #pool: ConnectionPool

  constructor(pool: ConnectionPool) {
    super({ connector: pool.connector })
    this.#pool = pool
  }

  override createDriver(): Driver {
    return new UnbusyDriver(async () => this.#pool)
  }
}
