/**
 * The connections of one storage and the order among them: a writer behind its queue, and readers. Where a single
 * statement goes is decided in `router.ts`.
 *
 * @module
 */
import { WriteBehinds } from './buffers/write-behind.ts'
import type { Checkpoints } from './checkpoint.ts'
import type { ConnectionOptions } from './connection/physical-connection.ts'
import { PatientConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import type { Lane } from './lanes.ts'
import { type LockWait, startLockWait } from './lock-wait.ts'
import { checkLane } from './options/option-checks.ts'
import {
  lockTimeoutsOf,
  type PartOfCall,
  type PoolOptions,
  type WaitOptions,
} from './options/pool-options.ts'
import { checkLockTimeout } from './options/retry.ts'
import type { FileDatabase } from './pool/file-database.ts'
import { Intake } from './pool/intake.ts'
import { type CloseReport, Shutdown } from './pool/shutdown.ts'
import { Readers } from './readers.ts'
import { type Clock, systemClock } from './time/clock.ts'
import type { IntegerBinding } from './values.ts'
import type { TryBatch } from './write-queue/batch-group.ts'
import { WriteQueue } from './write-queue.ts'

/** One writer, its queue, and the readers. */
export class ConnectionPool {
  readonly options: PoolOptions
  readonly connector: Connector
  readonly clock: Clock
  /** Asked before something is done for a caller. */
  readonly intake: Intake
  readonly queue: WriteQueue
  readonly readers: Readers
  readonly buffers: WriteBehinds = new WriteBehinds()
  /** Missing where the database is in no file of ours. */
  readonly checkpoints: Checkpoints | undefined
  readonly shutdown: Shutdown
  readonly integerBinding: IntegerBinding
  /** TEMP objects and attached databases exist on the writer alone: once there are some, reads go there too. */
  readsOnWriter: boolean
  readonly #lockTimeouts: Readonly<Record<Lane, number>>

  /** Use `openPool()`. */
  constructor(
    options: PoolOptions,
    connections: ConnectionOptions,
    writer: PatientConnection,
    file: FileDatabase | undefined,
    tryBatch: TryBatch | undefined,
  ) {
    const { connector, clock = systemClock } = options
    this.options = options
    this.connector = connector
    this.clock = clock
    this.intake = new Intake(connector.location)
    this.integerBinding = options.integerBinding ?? 'integer'
    this.readsOnWriter = connector.capabilities.singleConnection
    this.#lockTimeouts = lockTimeoutsOf(options)
    this.queue = new WriteQueue({
      writer,
      clock,
      context: connector.context,
      maxQueuedWrites: options.maxQueuedWrites ?? 100_000,
      tryBatch,
      hasOtherSchemas: () => this.readsOnWriter || options.onConnection !== undefined,
      nextTurn: () => connector.nextTurn(),
      onCycle: (nowMs, hasWaited) => this.checkpoints?.noteCycle(nowMs, hasWaited),
    })
    this.readers = new Readers({
      clock,
      maxReaders: options.maxReaders ?? 4,
      startWait: () => this.startWait(),
      open: (wait) => PatientConnection.open(connector, 'reader', connections, wait),
    })
    this.checkpoints = file?.checkpoints({
      clock,
      queue: this.queue,
      writer,
      oldestReadSinceMs: () => this.readers.oldestSinceMs,
    })
    this.shutdown = new Shutdown(this, writer, file)
  }

  /** Starts the budget of one call. */
  startWait(options?: WaitOptions & PartOfCall): LockWait {
    if (options === undefined) return startLockWait(this.clock, this.#lockTimeouts.normal)
    const { lane = 'normal', lockTimeoutMs, signal, calledAtMs } = options
    checkLane('Cannot wait for the lock as lane', lane)
    const budgetMs = lockTimeoutMs === undefined ? this.#lockTimeouts[lane] : checkLockTimeout(lockTimeoutMs)
    const wait = startLockWait(this.clock, budgetMs, signal, lane)
    return calledAtMs === undefined ? wait : { ...wait, calledAtMs }
  }

  /** Stops intake, drains, checkpoints and closes (contract C15). The second call answers as the first. */
  close(): Promise<CloseReport> {
    return this.shutdown.close()
  }
}
