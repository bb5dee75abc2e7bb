/**
 * The connections of one storage and the order among them: a writer behind its queue, and readers. Opening and closing
 * happen here; where a single statement goes is decided in `router.ts`.
 *
 * @module
 */
import type { TryBatch } from './batch-group.ts'
import type { Checkpoints } from './checkpoint.ts'
import type { Autocheckpoint } from './checkpoint-gate.ts'
import { PatientConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import { StorageClosedError, type UnbusyError } from './errors.ts'
import type { FileDatabase } from './file-database.ts'
import type { Lane } from './lanes.ts'
import { disconnect, letGo } from './let-go.ts'
import { type Clock, type LockWait, startLockWait, systemClock } from './lock-wait.ts'
import { untilLoaded } from './on-demand.ts'
import type { ConnectionOptions } from './physical-connection.ts'
import {
  checkLane,
  checkOptions,
  lockTimeoutsOf,
  type PoolOptions,
  type WaitOptions,
} from './pool-options.ts'
import { Readers } from './readers.ts'
import { checkLockTimeout } from './retry.ts'
import type { UnfinishedWrites } from './unfinished-writes.ts'
import type { IntegerBinding } from './values.ts'
import { within } from './within.ts'
import { type UnwrittenReport, WriteBehinds } from './write-behind.ts'
import { WriteQueue } from './write-queue.ts'

/** What `close()` could not drain within `drainTimeoutMs`. */
export interface CloseReport extends UnfinishedWrites, UnwrittenReport {
  /** Reads that were still open then. A stream or read-only transaction may go on; its reader closes when it ends. */
  readonly unfinishedReads: number
}

/** One writer, its queue, and the readers. */
export class ConnectionPool {
  readonly options: PoolOptions
  readonly connector: Connector
  readonly clock: Clock
  readonly queue: WriteQueue
  readonly readers: Readers
  readonly buffers: WriteBehinds = new WriteBehinds()
  /** Missing where the database is in no file of ours. */
  readonly checkpoints: Checkpoints | undefined
  readonly integerBinding: IntegerBinding
  /** TEMP objects and attached databases exist on the writer alone: once there are some, reads go there too. */
  readsOnWriter: boolean
  readonly #writer: PatientConnection
  readonly #lockTimeouts: Readonly<Record<Lane, number>>
  readonly #drainTimeoutMs: number | undefined
  #takesIn = true
  #isStopped = false
  #closing: Promise<CloseReport> | undefined
  /** Set once the files were lost: every connection is closed then. */
  #lettingGo: Promise<void> | undefined

  private constructor(
    options: PoolOptions,
    connections: ConnectionOptions & { readonly autocheckpoint: Autocheckpoint },
    writer: PatientConnection,
    file: FileDatabase | undefined,
    tryBatch: TryBatch | undefined,
  ) {
    const { connector } = options
    this.options = options
    this.connector = connector
    this.clock = options.clock ?? systemClock
    this.integerBinding = options.integerBinding ?? 'integer'
    this.readsOnWriter = connector.capabilities.singleConnection
    this.#writer = writer
    this.#lockTimeouts = lockTimeoutsOf(options)
    this.#drainTimeoutMs = options.drainTimeoutMs
    this.queue = new WriteQueue({
      writer,
      clock: this.clock,
      context: connector.context,
      maxQueuedWrites: options.maxQueuedWrites ?? 100_000,
      tryBatch,
      hasOtherSchemas: () => this.readsOnWriter || options.onConnection !== undefined,
      nextTurn: () => connector.nextTurn(),
      onCycle: () => this.checkpoints?.noteCycle(),
    })
    this.readers = new Readers({
      clock: this.clock,
      maxReaders: options.maxReaders ?? 4,
      startWait: () => this.startWait(),
      open: (wait) => PatientConnection.open(connector, 'reader', connections, wait),
    })
    this.checkpoints = file?.checkpoints({
      clock: this.clock,
      queue: this.queue,
      writer,
      autocheckpoint: connections.autocheckpoint,
      oldestReadSinceMs: () => this.readers.oldestSinceMs,
    })
  }

  /**
   * Opens the writer; readers follow when they are needed. Takes the write lock only to create the file or to switch it
   * to the configured journal mode.
   *
   * @throws {ConfigError | RangeError} If an option cannot be used.
   * @throws {OpenError} If the database cannot be opened.
   */
  static async open(options: PoolOptions): Promise<ConnectionPool> {
    checkOptions(options)
    const { connector } = options
    const wait = startLockWait(options.clock ?? systemClock, lockTimeoutsOf(options).normal)
    let pool: ConnectionPool | undefined
    let writer: PatientConnection | undefined
    try {
      const file = await fileOf(options, (error) => {
        if (pool !== undefined) pool.#letGo(error)
      })
      const connections = {
        pragmas: options.pragmas ?? {},
        onConnection: options.onConnection,
        inMemory: connector.capabilities.singleConnection,
        autocheckpoint: { pages: file?.firstAutocheckpoint() },
        settings: {
          integers: options.integers ?? 'auto',
          maxCachedStatements: options.maxCachedStatements ?? 256,
        },
        guard: file?.guard,
      }
      writer = await PatientConnection.open(connector, 'writer', connections, wait)
      await file?.warn(writer, wait)
      // Only a server takes writes as batches.
      const tryBatch = writer.direct.executesBatches ? (await import('./batch-group.ts')).tryBatch : undefined
      pool = new ConnectionPool(options, connections, writer, file, tryBatch)
      return pool
    } catch (error) {
      await writer?.close()
      await connector.close?.()
      throw error
    }
  }

  get isClosing(): boolean {
    return this.#closing !== undefined
  }

  /** Starts the budget of one call. */
  startWait(options?: WaitOptions): LockWait {
    if (options === undefined) return startLockWait(this.clock, this.#lockTimeouts.normal)
    const { lane = 'normal', lockTimeoutMs, signal } = options
    checkLane('Cannot wait for the lock as lane', lane)
    const budgetMs = lockTimeoutMs === undefined ? this.#lockTimeouts[lane] : checkLockTimeout(lockTimeoutMs)
    return startLockWait(this.clock, budgetMs, signal, lane)
  }

  /**
   * Asked in the turn of a call: what was called before `close()` is drained, what is called after it is refused.
   *
   * @throws {StorageClosedError} If the storage takes nothing new in.
   */
  assertTakesIn(): void {
    if (!this.#takesIn) throw this.#closedError()
  }

  /** @throws {StorageClosedError} If what was taken in came too late to be drained. */
  assertOpen(): void {
    if (this.#isStopped) throw this.#closedError()
  }

  /** @throws {StorageClosedError} If the storage is closing: nobody would drain what is new. */
  assertNotClosing(): void {
    if (this.isClosing) throw this.#closedError()
  }

  /** Stops intake, drains, checkpoints and closes (contract C15). The second call answers as the first. */
  close(): Promise<CloseReport> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<CloseReport> {
    const startedAtMs = this.clock.now()
    const longestWaitMs = Math.max(this.#lockTimeouts.normal, this.buffers.longestLockTimeoutMs)
    const timeoutMs = this.#drainTimeoutMs ?? longestWaitMs + 1_000
    // Buffers flush through the storage, so it goes on until they are empty; mostly they are.
    this.buffers.stop()
    const unwritten = this.buffers.isEmpty ? nothingUnwritten : await this.buffers.drain(timeoutMs)
    const error = this.#closedError()
    this.#takesIn = false
    // A transaction or stream that was called for before now is still on its way through Kysely's promises.
    await this.connector.nextTurn()
    await untilLoaded(() => this.connector.nextTurn())
    this.#isStopped = true
    this.checkpoints?.stop()
    this.queue.stop(error)
    const drained = Promise.all([this.queue.drained(), this.readers.unused()])
    const restMs = Math.max(0, timeoutMs - (this.clock.now() - startedAtMs))
    const isDrained = await within(this.clock, restMs, drained)
    const writes = isDrained ? { rejectedWrites: 0, revokedTransactions: 0 } : await this.queue.abandon(error)
    const report = { ...writes, unfinishedReads: this.readers.unfinished, ...unwritten }
    await this.readers.close(error)
    await this.checkpoints?.close()
    if (this.#lettingGo === undefined) {
      await this.#writer.rollback()
      await this.checkpoints?.checkpointAtClose()
    }
    await (this.#lettingGo ?? disconnect(this.connector, this.#writer))
    return report
  }

  #closedError(): StorageClosedError {
    return new StorageClosedError(`Cannot use the storage as it is closed: ${this.connector.location}`)
  }

  #letGo(error: UnbusyError): void {
    this.checkpoints?.stop()
    const letGoOfAll = async (): Promise<void> => {
      await this.readers.close(error)
      await this.checkpoints?.close()
      await letGo(this.connector, this.clock, this.#writer)
    }
    this.#lettingGo = letGoOfAll().catch(() => {})
  }
}

/** What a database in a file needs; nothing for a server's, and for one in memory. */
async function fileOf(
  options: PoolOptions,
  onLost: (error: UnbusyError) => void,
): Promise<FileDatabase | undefined> {
  const { singleConnection, remote } = options.connector.capabilities
  if (singleConnection || remote) return undefined
  const { FileDatabase } = await import('./file-database.ts')
  return new FileDatabase(options, onLost)
}

const nothingUnwritten: UnwrittenReport = { unflushedValues: 0, unwrittenRows: 0 }
