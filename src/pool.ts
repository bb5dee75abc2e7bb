/**
 * The connections of one storage and the order among them: a writer behind its queue, and readers. Opening and closing
 * happen here; where a single statement goes is decided in `router.ts`.
 *
 * @module
 */
import { autocheckpointPages, Checkpoints, defaultCheckpointWalBytes } from './checkpoint.ts'
import type { Autocheckpoint } from './checkpoint-gate.ts'
import { PatientConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import { hasNoopCheckpoint, hasWalResetBug, warnAboutEngine } from './engine-version.ts'
import { StorageClosedError, type UnbusyError } from './errors.ts'
import { describeEvent } from './event-text.ts'
import type { StorageEvent } from './events.ts'
import { FileGuard } from './file-guard.ts'
import type { Lane } from './lanes.ts'
import { disconnect, letGo } from './let-go.ts'
import { type Clock, type LockWait, startLockWait, systemClock } from './lock-wait.ts'
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
import { TransactionWatchdog } from './transaction-watchdog.ts'
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
  readonly watchdog: TransactionWatchdog
  readonly buffers: WriteBehinds = new WriteBehinds()
  readonly checkpoints: Checkpoints
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
    engineVersion: string | undefined,
  ) {
    const { connector, onWarning = warnOnConsole } = options
    this.connector = connector
    this.clock = options.clock ?? systemClock
    this.integerBinding = options.integerBinding ?? 'integer'
    this.readsOnWriter = connector.capabilities.singleConnection
    this.#writer = writer
    this.#lockTimeouts = lockTimeoutsOf(options)
    this.#drainTimeoutMs = options.drainTimeoutMs
    const onEvent = (event: StorageEvent): void => {
      try {
        onWarning(describeEvent(event, connector.location), event)
      } catch {
        // A logger that fails must not keep a connection from being taken back, nor a WAL from being checkpointed.
      }
    }
    this.watchdog = new TransactionWatchdog({
      clock: this.clock,
      transactionWarnMs: options.transactionWarnMs ?? 5_000,
      maxTransactionMs: options.maxTransactionMs ?? Number.POSITIVE_INFINITY,
      onEvent,
    })
    this.queue = new WriteQueue({
      writer,
      clock: this.clock,
      context: connector.context,
      maxQueuedWrites: options.maxQueuedWrites ?? 100_000,
      hasOtherSchemas: () => this.readsOnWriter || options.onConnection !== undefined,
      nextTurn: () => connector.nextTurn(),
      onCycle: () => this.checkpoints.noteCycle(),
    })
    this.readers = new Readers({
      clock: this.clock,
      maxReaders: options.maxReaders ?? 4,
      startWait: () => this.startWait(),
      open: (wait) => PatientConnection.open(connector, 'reader', connections, wait),
    })
    this.checkpoints = new Checkpoints({
      connector,
      clock: this.clock,
      queue: this.queue,
      writer,
      policy: hasWal(options) ? (options.checkpoint ?? 'auto') : 'off',
      limitBytes: options.checkpointWalBytes ?? defaultCheckpointWalBytes,
      autocheckpoint: connections.autocheckpoint,
      mayUseWorker: engineVersion !== undefined && mayCheckpointBesideWriter(engineVersion),
      oldestReadSinceMs: () => this.readers.oldestSinceMs,
      onEvent,
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
    let pool: ConnectionPool | undefined
    const guard = new FileGuard(connector, options.clock ?? systemClock, (error) => {
      if (pool !== undefined) pool.#letGo(error)
    })
    const connections = {
      pragmas: options.pragmas ?? {},
      onConnection: options.onConnection,
      inMemory: connector.capabilities.singleConnection,
      autocheckpoint: { pages: firstAutocheckpoint(options) },
      settings: {
        integers: options.integers ?? 'auto',
        maxCachedStatements: options.maxCachedStatements ?? 256,
      },
      guard,
    }
    const wait = startLockWait(options.clock ?? systemClock, lockTimeoutsOf(options).normal)
    let writer: PatientConnection | undefined
    try {
      writer = await PatientConnection.open(connector, 'writer', connections, wait)
      const engineVersion = await warnAboutEngine(writer, wait, connector, options.onWarning)
      if (connector.file !== undefined) {
        const { warnAboutSurroundings } = await import('./doctor/opening-warnings.ts')
        warnAboutSurroundings(connector, options.onWarning)
      }
      pool = new ConnectionPool(options, connections, writer, engineVersion)
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
      ...(this.connector.capabilities.remote && { newKey: () => crypto.randomUUID() }),
      onClose: this.buffers.remove,
    }
  }

  /**
   * Asked in the turn of a call: what was called before `close()` is drained, what is called after it is refused.
   *
   * @throws {StorageClosedError} If the storage takes nothing new in.
   */
  assertTakesIn(): void {
    if (!this.#takesIn) throw closedError(this.connector)
  }

  /** @throws {StorageClosedError} If what was taken in came too late to be drained. */
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
    this.#takesIn = false
    // A transaction or stream that was called for before now is still on its way through Kysely's promises.
    await this.connector.nextTurn()
    this.#isStopped = true
    this.checkpoints.stop()
    this.queue.stop(error)
    const drained = Promise.all([this.queue.drained(), this.readers.unused()])
    const restMs = Math.max(0, timeoutMs - (this.clock.now() - startedAtMs))
    const isDrained = await this.#within(restMs, drained)
    const writes = isDrained ? { rejectedWrites: 0, revokedTransactions: 0 } : await this.queue.abandon()
    const report = { ...writes, unfinishedReads: this.readers.unfinished, ...unwritten }
    await this.readers.close(error)
    await this.checkpoints.close()
    if (this.#lettingGo === undefined) {
      await this.#writer.rollback()
      await this.checkpoints.checkpointAtClose()
    }
    await (this.#lettingGo ?? disconnect(this.connector, this.#writer))
    return report
  }

  #letGo(error: UnbusyError): void {
    this.checkpoints.stop()
    this.#lettingGo = this.readers
      .close(error)
      .then(() => letGo(this.connector, this.clock, this.#writer))
      .catch(() => {})
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

function warnOnConsole(message: string): void {
  console.warn(message)
}

/** Another journal has nothing to checkpoint. */
function hasWal({ connector, pragmas }: PoolOptions): boolean {
  const journalMode = pragmas?.journal_mode ?? 'wal'
  const { singleConnection, remote } = connector.capabilities
  return !singleConnection && !remote && String(journalMode).toLowerCase() === 'wal'
}

/** What the user has set himself stays as it is. */
function firstAutocheckpoint(options: PoolOptions): number | undefined {
  const { connector, checkpointWalBytes = defaultCheckpointWalBytes } = options
  if (!hasWal(options) || options.pragmas?.wal_autocheckpoint !== undefined) return undefined
  if (options.checkpoint === 'off') return 0
  return autocheckpointPages(checkpointWalBytes, connector.openCheckpointWorker !== undefined)
}

/** Where the WAL-reset bug is, nobody but the writer may checkpoint; and a worker needs to know when it is due. */
function mayCheckpointBesideWriter(engineVersion: string): boolean {
  return !hasWalResetBug(engineVersion) && hasNoopCheckpoint(engineVersion)
}

const nothingUnwritten: UnwrittenReport = { unflushedValues: 0, unwrittenRows: 0 }

function closedError(connector: Connector): StorageClosedError {
  return new StorageClosedError(`Cannot use the storage as it is closed: ${connector.location}`)
}
