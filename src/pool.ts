/**
 * The connections of one storage and the order among them: a writer behind its queue, and readers. Opening and closing
 * happen here; where a single statement goes is decided in `router.ts`.
 *
 * @module
 */
import { type ConnectionOptions, PatientConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import { warnAboutEngine } from './engine-version.ts'
import { StorageClosedError } from './errors.ts'
import type { Lane } from './lanes.ts'
import { type Clock, type LockWait, startLockWait, systemClock } from './lock-wait.ts'
import {
  checkLane,
  checkOptions,
  lockTimeoutsOf,
  type PoolOptions,
  type WaitOptions,
} from './pool-options.ts'
import { Readers } from './readers.ts'
import { checkLockTimeout } from './retry.ts'
import type { IntegerBinding } from './values.ts'
import { type BufferHost, type UnwrittenReport, WriteBehinds } from './write-behind.ts'
import { type UnfinishedWrites, WriteQueue } from './write-queue.ts'

/** What `close()` could not drain within `drainTimeoutMs`. */
export interface CloseReport extends UnfinishedWrites, UnwrittenReport {
  /** Reads that were still open then. A stream or read-only transaction may go on; its reader closes when it ends. */
  readonly unfinishedReads: number
}

/** One writer, its queue, and the readers. */
export class ConnectionPool {
  readonly connector: Connector
  readonly clock: Clock
  readonly queue: WriteQueue
  readonly readers: Readers
  readonly buffers: WriteBehinds = new WriteBehinds()
  readonly integerBinding: IntegerBinding
  /** TEMP objects and attached databases exist on the writer alone: once there are some, reads go there too. */
  readsOnWriter: boolean
  readonly #writer: PatientConnection
  readonly #lockTimeouts: Readonly<Record<Lane, number>>
  readonly #drainTimeoutMs: number | undefined
  #isStopped = false
  #closing: Promise<CloseReport> | undefined

  private constructor(options: PoolOptions, connections: ConnectionOptions, writer: PatientConnection) {
    const { connector } = options
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
      hasOtherSchemas: () => this.readsOnWriter || options.onConnection !== undefined,
      nextTurn: () => connector.nextTurn(),
    })
    this.readers = new Readers({
      clock: this.clock,
      maxReaders: options.maxReaders ?? 4,
      startWait: () => this.startWait(),
      open: (wait) => PatientConnection.open(connector, 'reader', connections, wait),
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
    const connections: ConnectionOptions = {
      pragmas: options.pragmas ?? {},
      onConnection: options.onConnection,
      inMemory: connector.capabilities.singleConnection,
      settings: {
        integers: options.integers ?? 'auto',
        maxCachedStatements: options.maxCachedStatements ?? 256,
      },
    }
    const wait = startLockWait(options.clock ?? systemClock, lockTimeoutsOf(options).normal)
    let writer: PatientConnection | undefined
    try {
      writer = await PatientConnection.open(connector, 'writer', connections, wait)
      await warnAboutEngine(writer, wait, connector, options.onWarning)
      return new ConnectionPool(options, connections, writer)
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
   * What a write-behind buffer needs of its storage.
   *
   * @throws {StorageClosedError} If the storage is closing or closed: nobody would drain the buffer.
   */
  bufferHost({ lane = 'background', lockTimeoutMs }: WaitOptions): BufferHost {
    if (this.isClosing) throw closedError(this.connector)
    const { startedAtMs, deadlineMs } = this.startWait({
      lane,
      ...(lockTimeoutMs !== undefined && { lockTimeoutMs }),
    })
    return {
      clock: this.clock,
      context: this.connector.context,
      lockTimeoutMs: deadlineMs - startedAtMs,
      onClose: this.buffers.remove,
    }
  }

  /** @throws {StorageClosedError} If the storage takes nothing in any more. */
  assertOpen(): void {
    if (this.#isStopped) throw closedError(this.connector)
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
    const error = closedError(this.connector)
    this.#isStopped = true
    this.queue.stop(error)
    const drained = Promise.all([this.queue.drained(), this.readers.unused()])
    const restMs = Math.max(0, timeoutMs - (this.clock.now() - startedAtMs))
    const isDrained = await this.#within(restMs, drained)
    const writes = isDrained ? { rejectedWrites: 0, revokedTransactions: 0 } : await this.queue.abandon()
    const report = { ...writes, unfinishedReads: this.readers.unfinished, ...unwritten }
    await this.readers.close(error)
    await this.#checkpoint()
    await this.#writer.close()
    await this.connector.close?.()
    return report
  }

  /** One PASSIVE checkpoint: it never waits, and what it cannot move stays safe in the WAL. */
  async #checkpoint(): Promise<void> {
    await this.#writer.rollback()
    if (this.connector.capabilities.singleConnection) return
    const sql = 'PRAGMA wal_checkpoint(PASSIVE)'
    const wait = startLockWait(this.clock, 0)
    await this.#writer.execute({ sql, parameters: [], kind: 'alone', cacheable: false }, wait).catch(() => {})
  }

  async #within(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.clock.schedule(timeoutMs, () => resolve(false))
      void work.then(() => {
        cancel()
        resolve(true)
      })
    })
  }
}

const nothingUnwritten: UnwrittenReport = { unflushedValues: 0, unwrittenRows: 0 }

function closedError(connector: Connector): StorageClosedError {
  return new StorageClosedError(`Cannot use the storage as it is closed: ${connector.location}`)
}
