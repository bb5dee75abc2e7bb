/**
 * A Kysely dialect whose driver runs, with the one connection that is used of it; and how long its file stays taken.
 *
 * @module
 */
import { CompiledQuery, type DatabaseConnection, type Dialect, type Driver } from 'kysely'
import { OpenError } from '../src/errors.ts'
import {
  assertNotLibsql,
  assertOpened,
  type DialectIntegers,
  measureIntegers,
  type RunSql,
} from './_dialect-facts.ts'
import type { FileLocation } from './_file.ts'
import type { DatabaseFileWatch } from './_file-watch.ts'
import { collectGarbageUntil } from './_libsql-garbage.ts'

/** In this process: a dialect has one database, and each connection needs its own. */
const opened = new WeakSet<Dialect>()

/** One driver, and its connection: acquired once and kept, so that a pool cannot put another one in its place. */
export class OpenedDialect {
  readonly connection: DatabaseConnection
  readonly integers: DialectIntegers
  readonly #driver: Driver

  private constructor(driver: Driver, connection: DatabaseConnection, integers: DialectIntegers) {
    this.#driver = driver
    this.connection = connection
    this.integers = integers
  }

  /**
   * Rejects with the driver's own error if it cannot open its database.
   *
   * @throws {OpenError} If the dialect was opened before, or has opened what cannot be used.
   */
  static async open(dialect: Dialect, location: FileLocation): Promise<OpenedDialect> {
    if (opened.has(dialect)) throw new OpenError(sameDialect)
    opened.add(dialect)
    const driver = dialect.createDriver()
    let acquired: DatabaseConnection | undefined
    try {
      await driver.init()
      const connection = await driver.acquireConnection()
      acquired = connection
      const run: RunSql = async (sql, parameters = []) =>
        (await connection.executeQuery(CompiledQuery.raw(sql, [...parameters]))).rows
      // Before anything that could take a lock: the wait of the driver's own would block the event loop.
      await run('PRAGMA busy_timeout = 0')
      await assertOpened(location, run)
      await assertNotLibsql(run)
      return new OpenedDialect(driver, connection, await measureIntegers(run))
    } catch (error) {
      // What was opened half way is closed, and why is what the caller has to know.
      if (acquired !== undefined) await driver.releaseConnection(acquired).catch(() => {})
      await driver.destroy().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    // A pool waits for its connections.
    await this.#driver.releaseConnection(this.connection)
    await this.#driver.destroy()
  }
}

const sameDialect =
  'Cannot open a connection as dialect() returned a dialect that was opened before: it must make a new one at every ' +
  'call, with a database handle of its own'

/**
 * The claims on a file of all connections of one connector, given back after the last one closed. Not earlier: a driver
 * may leave statements to the garbage collector, and a handle that goes away late drops the locks of another engine.
 */
export class LateClaims {
  readonly #files: DatabaseFileWatch | undefined
  #releases: (() => void)[] = []
  #openCount = 0

  /** @param files Those of the database; none for `:memory:`. */
  constructor(files: DatabaseFileWatch | undefined) {
    this.#files = files
  }

  add(release: () => void): void {
    this.#openCount++
    this.#releases.push(release)
  }

  async onClose(): Promise<void> {
    if (--this.#openCount > 0) return
    const isClosed = (): boolean => this.#files?.walBytes() === undefined
    // If they are still there at the end, another process has the file open.
    if (!isClosed()) await collectGarbageUntil(isClosed)
    if (this.#openCount > 0) return
    for (const release of this.#releases) release()
    this.#releases = []
  }
}
