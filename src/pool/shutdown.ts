/**
 * The end of a storage: at `close()` it drains, checkpoints and disconnects (contract C15); when its files are lost it
 * lets go of them at once. Not loaded on demand: by then the package may have been replaced by its next version.
 *
 * @module
 */
import type { UnwrittenReport, WriteBehinds } from '../buffers/write-behind.ts'
import type { Checkpoints } from '../checkpoint.ts'
import type { PatientConnection } from '../connection.ts'
import type { Connector } from '../connector.ts'
import type { UnbusyError } from '../errors.ts'
import { untilLoaded } from '../on-demand.ts'
import { lockTimeoutsOf, type PoolOptions } from '../options/pool-options.ts'
import type { Readers } from '../readers.ts'
import type { Clock } from '../time/clock.ts'
import { within } from '../time/within.ts'
import type { UnfinishedWrites } from '../write-queue/unfinished-writes.ts'
import type { WriteQueue } from '../write-queue.ts'
import type { FileDatabase } from './file-database.ts'
import type { Intake } from './intake.ts'

/** What `close()` could not drain within `drainTimeoutMs`. */
export interface CloseReport extends UnfinishedWrites, UnwrittenReport {
  /** Reads that were still open then. A stream or read-only transaction may go on; its reader closes when it ends. */
  readonly unfinishedReads: number
}

/** What there is to end. */
export interface ShutdownHost {
  readonly options: PoolOptions
  readonly connector: Connector
  readonly clock: Clock
  readonly intake: Intake
  readonly queue: WriteQueue
  readonly readers: Readers
  readonly buffers: WriteBehinds
  readonly checkpoints: Checkpoints | undefined
}

/** Ends one storage, once. */
export class Shutdown {
  readonly #host: ShutdownHost
  readonly #writer: PatientConnection
  readonly #file: FileDatabase | undefined
  #closing: Promise<CloseReport> | undefined
  /** Set once the files were lost: every connection is closed then. */
  #lettingGo: Promise<void> | undefined

  constructor(host: ShutdownHost, writer: PatientConnection, file: FileDatabase | undefined) {
    this.#host = host
    this.#writer = writer
    this.#file = file
  }

  /** Stops intake, drains, checkpoints and closes. The second call answers as the first. */
  close(): Promise<CloseReport> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes the connections to files that were deleted or replaced. Who waits for one is refused with `error`. */
  letGo(error: UnbusyError): void {
    this.#lettingGo = this.#file
      ?.letGo(this.#host, this.#writer, error)
      .then((mayClose) => (mayClose ? this.#disconnect() : undefined))
      .catch(() => {})
  }

  async #close(): Promise<CloseReport> {
    const { options, connector, clock, intake, queue, readers, buffers, checkpoints } = this.#host
    const startedAtMs = clock.now()
    const longestWaitMs = Math.max(lockTimeoutsOf(options).normal, buffers.longestLockTimeoutMs)
    const timeoutMs = options.drainTimeoutMs ?? longestWaitMs + 1_000
    const inTime = (work: Promise<unknown>): Promise<boolean> =>
      within(clock, Math.max(0, timeoutMs - (clock.now() - startedAtMs)), work)
    intake.isClosing = true
    // Buffers flush through the storage, so it goes on until they are empty; mostly they are.
    buffers.stop()
    const unwritten = buffers.isEmpty ? nothingUnwritten : await buffers.drain(timeoutMs)
    const error = intake.closedError()
    intake.refusesCalls = true
    // A transaction or stream that was called for before now is still on its way through Kysely's promises; an import that a
    // request of the edge began may never end, as the request was cancelled.
    await inTime(untilLoaded(() => connector.nextTurn()).then(() => Promise.allSettled(intake.calls)))
    intake.isStopped = true
    checkpoints?.stop()
    queue.stop(error)
    const isDrained = await inTime(Promise.all([queue.drained(), readers.unused()]))
    const writes = isDrained ? { rejectedWrites: 0, revokedTransactions: 0 } : await queue.abandon(error)
    const report = { ...writes, unfinishedReads: readers.unfinished, ...unwritten }
    await readers.close(error)
    await checkpoints?.close()
    if (this.#lettingGo === undefined) {
      await this.#writer.rollback()
      await checkpoints?.checkpointAtClose()
    }
    // The files may have been lost at that checkpoint.
    await (this.#lettingGo ?? this.#disconnect())
    return report
  }

  async #disconnect(): Promise<void> {
    await this.#writer.close()
    await this.#file?.removeLeftWal()
    await this.#host.connector.close?.()
  }
}

const nothingUnwritten: UnwrittenReport = { unflushedValues: 0, unwrittenRows: 0 }
