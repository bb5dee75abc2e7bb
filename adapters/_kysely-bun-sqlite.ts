/**
 * Runs prepared statements of bun:sqlite through the driver of kysely-bun-sqlite.
 *
 * @module
 */
import { UnsupportedError } from '../src/errors.ts'
import type { BoundValue, Row } from '../src/values.ts'
import { cannotLoad } from './_missing-package.ts'
import type { Changes } from './_sync-database.ts'

/** The part of a statement of bun:sqlite that kysely-bun-sqlite uses. */
export interface RunnableStatement {
  readonly columnNames: readonly string[]
  all(parameters: readonly BoundValue[]): Row[]
  run(parameters: readonly BoundValue[]): Changes
}

// The part of kysely-bun-sqlite that is used. Its types import those of Bun, which must not show in ours.
type DialectConstructor = new (config: { readonly database: unknown }) => { createDriver(): DialectDriver }

interface DialectDriver {
  init(): Promise<void>
  acquireConnection(): Promise<DialectConnection>
}

interface DialectConnection {
  executeQuery(query: { readonly sql: string; readonly parameters: readonly BoundValue[] }): unknown
}

/**
 * One driver of kysely-bun-sqlite with its single connection. Its database is a facade that prepares nothing: it answers
 * the statement that is to run, and keeps what that answers, so that the caller has it without awaiting a promise.
 */
export class DialectRunner {
  readonly #connection: DialectConnection
  readonly #facade: Facade

  private constructor(connection: DialectConnection, facade: Facade) {
    this.#connection = connection
    this.#facade = facade
  }

  /** @throws {OpenError} If kysely-bun-sqlite is not installed. */
  static async create(): Promise<DialectRunner> {
    const BunSqliteDialect = await importDialect()
    const facade = new Facade()
    const driver = new BunSqliteDialect({ database: facade }).createDriver()
    await driver.init()
    // Acquired once and never released: the driver's mutex guards one connection, and this one has one owner, the core.
    return new DialectRunner(await driver.acquireConnection(), facade)
  }

  /** Runs the statement now. Rows if it has columns, else what it changed. */
  run(statement: RunnableStatement, sql: string, parameters: readonly BoundValue[]): Row[] | Changes {
    this.#facade.statement = statement
    // The promise it returns is not needed: everything ran, or threw, before it was made.
    this.#connection.executeQuery({ sql, parameters })
    return this.#facade.takeAnswer()
  }
}

/** What kysely-bun-sqlite takes for a database of bun:sqlite, and for each statement of it. */
class Facade implements RunnableStatement {
  statement: RunnableStatement | undefined
  #answer: Row[] | Changes | undefined

  prepare(): RunnableStatement {
    return this
  }

  get columnNames(): readonly string[] {
    return this.#running.columnNames
  }

  all(parameters: readonly BoundValue[]): Row[] {
    const rows = this.#running.all(parameters)
    this.#answer = rows
    return rows
  }

  run(parameters: readonly BoundValue[]): Changes {
    const changes = this.#running.run(parameters)
    this.#answer = changes
    return changes
  }

  takeAnswer(): Row[] | Changes {
    const answer = this.#answer
    this.#answer = undefined
    if (answer === undefined) {
      const needed = 'version 0.4 does'
      throw new UnsupportedError(
        `Cannot use this kysely-bun-sqlite as it does not run statements at once: ${needed}`,
      )
    }
    return answer
  }

  get #running(): RunnableStatement {
    if (this.statement === undefined)
      throw new TypeError('Cannot run a statement of the facade as none was given')
    return this.statement
  }
}

async function importDialect(): Promise<DialectConstructor> {
  try {
    const module: { readonly BunSqliteDialect: unknown } = await import('kysely-bun-sqlite')
    return module.BunSqliteDialect as DialectConstructor
  } catch (cause) {
    throw cannotLoad('kysely-bun-sqlite', 'bun add kysely-bun-sqlite', cause)
  }
}
