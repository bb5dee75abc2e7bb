/**
 * The connections of one storage and the order among them: a writer behind its queue, and readers. Opening and closing
 * happen here; where a single statement goes is decided in `router.ts`.
 *
 * @module
 */
import { type ConnectionOptions, PatientConnection } from './connection.ts'
import { checkPragmas, type OnConnection, type Pragmas } from './connection-init.ts'
import type { Connector } from './connector.ts'
import { warnAboutEngine } from './engine-version.ts'
import { ConfigError, StorageClosedError } from './errors.ts'
import { type Clock, type LockWait, startLockWait, systemClock } from './lock-wait.ts'
import { Readers } from './readers.ts'
import { checkLockTimeout } from './retry.ts'
import type { IntegerBinding, IntegerReading } from './values.ts'
import { type UnfinishedWrites, WriteQueue } from './write-queue.ts'

/** How a storage behaves, whatever its connector. */
export interface PoolOptions {
  readonly connector: Connector
  /** How long a write may wait for the lock, from the call on, in milliseconds. @default {30_000} */
  readonly lockTimeoutMs?: number
  /** How long `close()` lets queued writes and open transactions finish. @default {lockTimeoutMs + 1_000} */
  readonly drainTimeoutMs?: number
  /** Pragmas for every connection, over the defaults of the contract (C1). */
  readonly pragmas?: Pragmas
  /** Runs after the pragmas on every physical connection, and again after each reset. */
  readonly onConnection?: OnConnection
  /** Readers at most: one standing, the others for streams and read-only transactions. @default {4} */
  readonly maxReaders?: number
  /** Prepared statements kept per connection. @default {256} */
  readonly maxCachedStatements?: number
  /** How integers beyond 2^53 are read: as bigint (`auto`), all as bigint, or as an error (`strict`). @default {'auto'} */
  readonly integers?: IntegerReading
  /** How integral numbers are bound: as INTEGER everywhere, or as the driver would. @default {'integer'} */
  readonly integerBinding?: IntegerBinding
  /** Told once per process about what is dangerous here. @default {console.warn} */
  readonly onWarning?: (message: string) => void
  /** Time and chance, for tests. */
  readonly clock?: Clock
}

/** How one call may wait. */
export interface WaitOptions {
  /** Overrides the storage's `lockTimeoutMs` for this call. */
  readonly lockTimeoutMs?: number
  /** Ends the wait; once the transaction has begun it has no effect. */
  readonly signal?: AbortSignal
}

/** What `close()` could not drain within `drainTimeoutMs`. */
export interface CloseReport extends UnfinishedWrites {
  /** Reads that were still open then. A stream or read-only transaction may go on; its reader closes when it ends. */
  readonly unfinishedReads: number
}

/** One writer, its queue, and the readers. */
export class ConnectionPool {
  readonly connector: Connector
  readonly clock: Clock
  readonly queue: WriteQueue
  readonly readers: Readers
  readonly integerBinding: IntegerBinding
  /** TEMP objects and attached databases exist on the writer alone: once there are some, reads go there too. */
  readsOnWriter: boolean
  readonly #writer: PatientConnection
  readonly #lockTimeoutMs: number
  readonly #drainTimeoutMs: number
  #closing: Promise<CloseReport> | undefined

  private constructor(options: PoolOptions, connections: ConnectionOptions, writer: PatientConnection) {
    const { connector } = options
    this.connector = connector
    this.clock = options.clock ?? systemClock
    this.integerBinding = options.integerBinding ?? 'integer'
    this.readsOnWriter = connector.capabilities.singleConnection
    this.#writer = writer
    this.#lockTimeoutMs = options.lockTimeoutMs ?? 30_000
    this.#drainTimeoutMs = options.drainTimeoutMs ?? this.#lockTimeoutMs + 1_000
    this.queue = new WriteQueue({
      writer,
      clock: this.clock,
      context: connector.context,
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
    const wait = startLockWait(options.clock ?? systemClock, options.lockTimeoutMs ?? 30_000)
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
    const lockTimeoutMs = options?.lockTimeoutMs
    const budgetMs = lockTimeoutMs === undefined ? this.#lockTimeoutMs : checkLockTimeout(lockTimeoutMs)
    return startLockWait(this.clock, budgetMs, options?.signal)
  }

  /** @throws {StorageClosedError} If the storage is closing or closed. */
  assertOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.connector)
  }

  /** Stops intake, drains, checkpoints and closes (contract C15). The second call answers as the first. */
  close(): Promise<CloseReport> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<CloseReport> {
    const error = closedError(this.connector)
    this.queue.stop(error)
    const drained = Promise.all([this.queue.drained(), this.readers.unused()])
    const isDrained = await this.#within(this.#drainTimeoutMs, drained)
    const writes = isDrained ? { rejectedWrites: 0, revokedTransactions: 0 } : await this.queue.abandon()
    const report = { ...writes, unfinishedReads: this.readers.unfinished }
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

function closedError(connector: Connector): StorageClosedError {
  return new StorageClosedError(`Cannot use the storage as it is closed: ${connector.location}`)
}

/** A bad option throws before anything is opened (contract C1). */
export function checkOptions(options: PoolOptions): void {
  if (typeof options.connector?.connect !== 'function') {
    throw new ConfigError(
      "Cannot open storage without a connector: pass one, or use openStorage of 'unbusy/auto'",
    )
  }
  checkPragmas(options.pragmas ?? {})
  if (options.lockTimeoutMs !== undefined) checkLockTimeout(options.lockTimeoutMs)
  checkInteger('drainTimeoutMs', options.drainTimeoutMs, 0)
  checkInteger('maxReaders', options.maxReaders, 2)
  checkInteger('maxCachedStatements', options.maxCachedStatements, 0)
  checkWord('integers', options.integers, ['auto', 'bigint', 'strict'])
  checkWord('integerBinding', options.integerBinding, ['integer', 'driver'])
  checkFunction('onConnection', options.onConnection)
  checkFunction('onWarning', options.onWarning)
}

function checkInteger(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least)) return
  throw new RangeError(
    `Cannot open storage as ${name} must be an integer >= ${least}: current value is ${value}`,
  )
}

function checkWord(name: string, value: string | undefined, words: readonly string[]): void {
  if (value === undefined || words.includes(value)) return
  throw new ConfigError(
    `Cannot open storage as ${name} must be one of ${words.join(', ')}: current value is ${value}`,
  )
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw new ConfigError(`Cannot open storage as ${name} must be a function: it is of type ${typeof value}`)
}
