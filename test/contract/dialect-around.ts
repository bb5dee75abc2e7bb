/**
 * A dialect around another one whose connections are its own, as those that spread queries over replicas, or trace them.
 *
 * @module
 */
import type {
  CompiledQuery,
  DatabaseConnection,
  Dialect,
  Driver,
  QueryResult,
  TransactionSettings,
} from 'kysely'

/** How it passes a query on. */
export type PassOn = (query: CompiledQuery) => CompiledQuery

/** @param passOn What becomes of each query. By default the dialect inside gets it as it is. */
export function dialectAround(inner: Dialect, passOn: PassOn = (query) => query): Dialect {
  return {
    createAdapter: () => inner.createAdapter(),
    createQueryCompiler: () => inner.createQueryCompiler(),
    createIntrospector: (db) => inner.createIntrospector(db),
    createDriver: () => new OuterDriver(inner.createDriver(), passOn),
  }
}

class OuterDriver implements Driver {
  readonly #inner: Driver
  readonly #passOn: PassOn

  constructor(inner: Driver, passOn: PassOn) {
    this.#inner = inner
    this.#passOn = passOn
  }

  init(): Promise<void> {
    return this.#inner.init()
  }

  async acquireConnection(): Promise<OuterConnection> {
    return new OuterConnection(await this.#inner.acquireConnection(), this.#passOn)
  }

  beginTransaction({ inner }: OuterConnection, settings: TransactionSettings): Promise<void> {
    return this.#inner.beginTransaction(inner, settings)
  }

  commitTransaction({ inner }: OuterConnection): Promise<void> {
    return this.#inner.commitTransaction(inner)
  }

  rollbackTransaction({ inner }: OuterConnection): Promise<void> {
    return this.#inner.rollbackTransaction(inner)
  }

  releaseConnection({ inner }: OuterConnection): Promise<void> {
    return this.#inner.releaseConnection(inner)
  }

  destroy(): Promise<void> {
    return this.#inner.destroy()
  }
}

class OuterConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection
  readonly #passOn: PassOn

  constructor(inner: DatabaseConnection, passOn: PassOn) {
    this.inner = inner
    this.#passOn = passOn
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.inner.executeQuery(this.#passOn(query))
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery(this.#passOn(query), chunkSize)
  }
}
