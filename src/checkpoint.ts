/**
 * Keeps the WAL bounded without freezing the event loop (contract C13): decides when to checkpoint, and what to tell.
 *
 * @module
 */
import { type Autocheckpoint, CheckpointGate } from './checkpoint-gate.ts'
import { IdleWatch } from './checkpoint-idle.ts'
import { type WalLimits, walLimits } from './checkpoint-limits.ts'
import { CheckpointPhases } from './checkpoint-phases.ts'
import { type CheckpointReport, CheckpointRunner } from './checkpoint-runner.ts'
import type { PatientConnection } from './connection.ts'
import type { CheckpointResult, Connector } from './connector.ts'
import type { StorageEvent, WalPin } from './events.ts'
import type { Clock } from './lock-wait.ts'
import type { CheckpointPolicy } from './pool-options.ts'
import { WalGauge } from './wal-gauge.ts'
import { WalPinWatch } from './wal-pin-watch.ts'
import type { WriteQueue } from './write-queue.ts'

/** A look costs some 10 microseconds; at 400 MB/s of writes the WAL grows by 1.2 MB between two. */
const lookEveryMs = 3
/** The time to the next checkpoint, by what the last one met; `rest` is where others write, or checkpoint, meanwhile. */
const retryMs = { reader: 250, readerOnLoop: 1_000, rest: 10, error: 250 } as const
const closeLimitMs = 5_000

/** What the checkpoints of a storage need of it. */
export interface CheckpointsHost {
  readonly connector: Connector
  readonly clock: Clock
  readonly queue: WriteQueue
  readonly writer: PatientConnection
  readonly policy: CheckpointPolicy
  /** The WAL is checkpointed at this size. */
  readonly limitBytes: number
  /** Shared with the connections, which set it. */
  readonly autocheckpoint: Autocheckpoint
  /** Whether this engine may checkpoint on another connection than the one that writes. */
  readonly mayUseWorker: boolean
  /** Since when the oldest stream or read-only transaction has been open. */
  readonly oldestReadSinceMs: () => number | undefined
  readonly onEvent: (event: StorageEvent) => void
}

/** The WAL of a storage at one moment. */
export interface WalStats {
  /** The size of the file in bytes, in use or not; 0 where there is none. */
  readonly bytes: number
  /** The last checkpoint that this storage ran; those that SQLite runs in a commit are not seen. */
  readonly lastCheckpoint: CheckpointReport | undefined
  /** The reader that keeps the WAL from starting over, as the last checkpoint met it. */
  readonly pinnedBy: WalPin | undefined
}

/** The checkpoints of one storage. */
export class Checkpoints {
  readonly #host: CheckpointsHost
  readonly #gauge: WalGauge
  readonly #limits: WalLimits
  readonly #gate: CheckpointGate
  readonly #runner: CheckpointRunner
  readonly #phases: CheckpointPhases
  readonly #pins: WalPinWatch
  readonly #idle: IdleWatch
  #isStopped: boolean
  #running: Promise<void> | undefined
  #nextLookMs = 0
  #notBeforeMs = 0
  /** The size of the file at the last checkpoint on the writer. */
  #seenBytes = 0

  constructor(host: CheckpointsHost) {
    const { connector, clock, queue, writer, policy, autocheckpoint, mayUseWorker, onEvent } = host
    this.#host = host
    this.#isStopped = policy === 'off' || connector.walBytes === undefined
    this.#gauge = new WalGauge(connector, writer)
    this.#gate = new CheckpointGate(queue, clock, autocheckpoint)
    this.#runner = new CheckpointRunner(connector, clock, mayUseWorker, onEvent)
    this.#limits = walLimits(host.limitBytes)
    this.#phases = new CheckpointPhases({
      clock,
      gauge: this.#gauge,
      gate: this.#gate,
      runner: this.#runner,
      policy,
      limits: this.#limits,
      autocheckpoint,
    })
    this.#pins = new WalPinWatch(clock, host.oldestReadSinceMs)
    this.#idle = new IdleWatch({
      clock,
      isLarge: () => !this.#isStopped && this.#gauge.fileBytes >= host.limitBytes,
      isBusy: () => queue.isBusy || this.#running !== undefined,
      tidyUp: () => this.#start(() => this.#tidyUp()),
      // Where nothing is cut, a file that stays as it is needs no second look.
      isWorthAnother: () => policy === 'auto' || this.#pins.pin !== undefined,
    })
  }

  stats(): WalStats {
    return { bytes: this.#gauge.fileBytes, lastCheckpoint: this.#runner.last, pinnedBy: this.#pins.pin }
  }

  /** To be told after each use of the writer. Looks at the WAL every few milliseconds, and starts what has to be done. */
  noteCycle(): void {
    if (this.#isStopped) return
    const nowMs = this.#host.clock.now()
    this.#idle.noteWrite(nowMs)
    if (nowMs < this.#nextLookMs) return
    this.#nextLookMs = nowMs + lookEveryMs
    const fileBytes = this.#gauge.fileBytes
    if (fileBytes < this.#host.limitBytes) return
    this.#idle.start()
    if (this.#running !== undefined) this.#phases.noteGrowth()
    else if (nowMs >= this.#notBeforeMs && this.#isDue(fileBytes)) this.#start(() => this.#checkpoint())
  }

  /** Starts nothing any more, and lets the writes go that are kept back. */
  stop(): void {
    this.#isStopped = true
    this.#idle.stop()
    this.#gate.stop()
  }

  /** Ends what runs and closes the connection of the worker: the last one that closes has to be the writer. */
  async close(): Promise<void> {
    this.stop()
    let cancel: (() => void) | undefined
    const isLate = new Promise<void>((resolve) => {
      cancel = this.#host.clock.schedule(closeLimitMs, resolve)
    })
    await Promise.race([this.#end(), isLate])
    cancel?.()
  }

  /** The one PASSIVE checkpoint at close (contract C15): what it cannot move stays safe in the WAL. */
  async checkpointAtClose(): Promise<void> {
    const { policy, writer, connector } = this.#host
    const { singleConnection, remote } = connector.capabilities
    if (policy === 'off' || singleConnection || remote) return
    await this.#runner.runOnWriter(writer).catch(() => {})
  }

  async #end(): Promise<void> {
    await this.#running
    await this.#runner.close().catch(() => {})
  }

  #start(work: () => Promise<void>): void {
    // Detached from the caller: who happens to write now has no part in what it comes to.
    const detached = async (): Promise<void> => {
      await undefined
      this.#host.connector.context?.enter(undefined)
      await work()
    }
    this.#running = detached()
      .catch(() => {
        // Told by the runner, or the storage is closing, or the lock was not to be had: there will be another time.
        this.#notBeforeMs = this.#host.clock.now() + retryMs.error
        return this.#gate.applyAutocheckpoint()
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  #isDue(fileBytes: number): boolean {
    const { limitBytes } = this.#host
    if (this.#runner.usesWorker) return (this.#gauge.usedBytes() ?? 0) >= limitBytes
    // SQLite itself checkpoints in the writer's commits; a file that grows nevertheless tells that something is amiss.
    this.#seenBytes = Math.min(this.#seenBytes, fileBytes)
    return this.#pins.pin !== undefined || fileBytes >= Math.max(2 * limitBytes, this.#seenBytes + limitBytes)
  }

  async #checkpoint(): Promise<void> {
    this.#conclude(await this.#phases.checkpoint())
  }

  /** Without a result another process has done it all. */
  #conclude(result: CheckpointResult | undefined): void {
    const isBlocked = result !== undefined && this.#phases.isBlocked(result)
    if (isBlocked) this.#pins.met()
    else if (!result?.isBusy) this.#pins.ended()
    const isOnLoop = !this.#runner.usesWorker
    if (isOnLoop) this.#seenBytes = this.#gauge.fileBytes
    const { reader, readerOnLoop, rest } = retryMs
    const hasPin = isBlocked || (isOnLoop && this.#pins.pin !== undefined)
    this.#notBeforeMs = this.#host.clock.now() + (hasPin ? (isOnLoop ? readerOnLoop : reader) : rest)
    this.#report()
  }

  #report(): void {
    const pin = this.#pins.takeReport()
    const walBytes = this.#gauge.fileBytes
    // A replicator reads all the time, and cuts the WAL itself: that is why the policy is what it is.
    const isExpected = this.#host.policy === 'passive' && walBytes < this.#limits.truncateBytes
    if (pin !== undefined && !isExpected) this.#host.onEvent({ kind: 'wal-pinned', walBytes, ...pin })
  }

  /** Nobody writes: the moment to cut the file. */
  async #tidyUp(): Promise<void> {
    const { policy, oldestReadSinceMs } = this.#host
    if (!this.#runner.usesWorker && this.#pins.pin === undefined) return
    if (policy === 'passive' || oldestReadSinceMs() !== undefined) return this.#checkpoint()
    this.#conclude(await this.#phases.cut())
  }
}
