/**
 * The query executor of `storage.db`. It does what Kysely's own does, and two things more: a query that stands alone
 * goes straight to its place, and a stream inside a transaction or `connection()` is read at once, so that a query in
 * its loop does not wait for ever for the connection that the stream keeps.
 *
 * @module
 */
import {
  type AbortableQueryOptions,
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type DialectAdapter,
  type KyselyPlugin,
  type QueryCompiler,
  type QueryResult,
} from 'kysely'
import { withCallerStack } from '../errors.ts'
import type { WaitOptions } from '../options/pool-options.ts'
import type { Session } from '../transactions/session.ts'
import { PinnedProvider, type PinnedProviderHost } from './pinned-provider.ts'
import { throughPlugins } from './result-plugins.ts'

/** What all executors of one storage share. */
export interface ExecutorParts extends PinnedProviderHost {
  readonly compiler: QueryCompiler
  readonly adapter: DialectAdapter
  /** Kysely's own provider: it initializes, logs, and waits abortably. */
  readonly provider: ConnectionProvider
  /** How the queries, transactions and connections of this executor wait. */
  readonly waitOptions?: WaitOptions | undefined
  /** Throws once the storage takes nothing new in. */
  readonly assertTakesIn: () => void
  /** Runs a query that stands alone; missing when Kysely has to log it. */
  readonly executeAlone?: (query: CompiledQuery) => Promise<QueryResult<unknown>>
}

/** An executor of `storage.db`, or of one of its transactions and connections. */
export class StorageExecutor extends DefaultQueryExecutor {
  readonly #parts: ExecutorParts
  /** Bound to one session: that of a transaction or `connection()`. */
  readonly #pinnedTo: PinnedProvider | undefined

  constructor(parts: ExecutorParts, plugins: readonly KyselyPlugin[] = [], pinnedTo?: PinnedProvider) {
    super(parts.compiler, parts.adapter, pinnedTo ?? parts.provider, [...plugins])
    this.#parts = parts
    this.#pinnedTo = pinnedTo
  }

  /** Not async where nothing is to be done with the result: a promise less is a tenth of a small insert. */
  override executeQuery<R>(query: CompiledQuery, options?: AbortableQueryOptions): Promise<QueryResult<R>> {
    const { executeAlone } = this.#parts
    // Kysely's own flow races an abort against the query and against each plugin.
    if (this.#pinnedTo !== undefined || executeAlone === undefined || options?.signal !== undefined)
      return this.#executeOnSession<R>(query, options)
    const running = executeAlone(query)
    return (this.plugins.length === 0 ? running : this.#throughPlugins(query, running)) as Promise<
      QueryResult<R>
    >
  }

  async #throughPlugins(
    query: CompiledQuery,
    running: Promise<QueryResult<unknown>>,
  ): Promise<QueryResult<unknown>> {
    return throughPlugins(this.plugins, query, await running)
  }

  override async *stream<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableQueryOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    if (this.#pinnedTo === undefined) this.#parts.assertTakesIn()
    const source = this.#kyselys().stream<R>(query, chunkSize, options)
    if (this.#pinnedTo === undefined) return yield* source
    const results: QueryResult<R>[] = []
    for await (const result of source) results.push(result)
    for (const result of results) {
      options?.signal?.throwIfAborted()
      yield result
    }
  }

  /** For what Kysely builds on a connection: `connection()`, transactions, the Migrator. Not for single queries. */
  override async provideConnection<T>(
    consumer: (connection: DatabaseConnection) => Promise<T>,
    options?: AbortableQueryOptions,
  ): Promise<T> {
    if (this.#pinnedTo !== undefined) return this.#pinnedTo.provideAround(consumer, options)
    this.#parts.assertTakesIn()
    const pinned = async (connection: DatabaseConnection): Promise<T> => {
      const session = connection as Session
      session.pin(this.#parts.waitOptions)
      try {
        return await session.untilRevoked(consumer(connection))
      } catch (error) {
        session.noteFailure()
        throw withCallerStack(error)
      }
    }
    return super.provideConnection(pinned, options)
  }

  override withPlugins(plugins: readonly KyselyPlugin[]): StorageExecutor {
    return new StorageExecutor(this.#parts, [...this.plugins, ...plugins], this.#pinnedTo)
  }

  override withPlugin(plugin: KyselyPlugin): StorageExecutor {
    return this.withPlugins([plugin])
  }

  override withPluginAtFront(plugin: KyselyPlugin): StorageExecutor {
    return new StorageExecutor(this.#parts, [plugin, ...this.plugins], this.#pinnedTo)
  }

  override withConnectionProvider(provider: ConnectionProvider): StorageExecutor {
    return new StorageExecutor(this.#parts, this.plugins, new PinnedProvider(provider, this.#parts))
  }

  override withoutPlugins(): StorageExecutor {
    return new StorageExecutor(this.#parts, [], this.#pinnedTo)
  }

  async #executeOnSession<R>(query: CompiledQuery, options?: AbortableQueryOptions): Promise<QueryResult<R>> {
    try {
      if (this.#pinnedTo === undefined) this.#parts.assertTakesIn()
      return await this.#kyselys().executeQuery<R>(query, options)
    } catch (error) {
      // On Bun, Kysely's provider of single connections breaks the chain of frames.
      throw withCallerStack(error)
    }
  }

  /** Kysely's own executor, whose connections for single queries do not come through {@linkcode provideConnection}. */
  #kyselys(): DefaultQueryExecutor {
    const { compiler, adapter, provider } = this.#parts
    return new DefaultQueryExecutor(compiler, adapter, this.#pinnedTo ?? provider, [...this.plugins])
  }
}
