/**
 * Keeps the WAL bounded without freezing the event loop (contract C13): looks at it, runs what is due one at a time, and ends
 * it at close.
 *
 * @module
 */
import { type Autocheckpoint, CheckpointGate } from './checkpoint/gate.ts'
import { IdleWatch } from './checkpoint/idle.ts'
import { walLimits } from './checkpoint/limits.ts'
import { CheckpointPhases } from './checkpoint/phases.ts'
import { CheckpointRunner } from './checkpoint/runner.ts'
import { CheckpointSchedule } from './checkpoint/schedule.ts'
import { WalGauge } from './checkpoint/wal-gauge.ts'
import { WalPinWatch } from './checkpoint/wal-pin-watch.ts'
import { reportPin, type WalReportHost, type WalStats, walStats } from './checkpoint/wal-report.ts'
import type { PatientConnection } from './connection.ts'
import type { CheckpointResult, Connector } from './connector.ts'
import type { StorageEvent } from './events.ts'
import type { CheckpointPolicy } from './options/pool-options.ts'
import type { Clock } from './time/clock.ts'
import { within } from './time/within.ts'
import type { WriteQueue } from './write-queue.ts'

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
  readonly pageBytes: number
  /** Shared with the connections, which set it. */
  readonly autocheckpoint: Autocheckpoint
  /** Whether this engine may checkpoint on another connection than the one that writes. */
  readonly mayUseWorker: boolean
  /** Since when the oldest stream or read-only transaction has been open. */
  readonly oldestReadSinceMs: () => number | undefined
  readonly onEvent: (event: StorageEvent) => void
}

/** The checkpoints of one storage. */
export class Checkpoints {
  readonly #host: CheckpointsHost
  readonly #gauge: WalGauge
  readonly #gate: CheckpointGate
  readonly #runner: CheckpointRunner
  readonly #phases: CheckpointPhases
  readonly #pins: WalPinWatch
  readonly #schedule: CheckpointSchedule
  readonly #report: WalReportHost
  readonly #idle: IdleWatch
  #isStopped: boolean
  #running: Promise<void> | undefined

  constructor(host: CheckpointsHost) {
    const { connector, clock, queue, policy, limitBytes, pageBytes, autocheckpoint, mayUseWorker, onEvent } =
      host
    const gauge = new WalGauge(connector, host.writer, pageBytes)
    const gate = new CheckpointGate(queue, clock, autocheckpoint)
    const runner = new CheckpointRunner(connector, clock, mayUseWorker, onEvent)
    const pins = new WalPinWatch(clock, host.oldestReadSinceMs)
    const limits = walLimits(limitBytes, pageBytes)
    this.#host = host
    this.#gauge = gauge
    this.#gate = gate
    this.#runner = runner
    this.#pins = pins
    this.#phases = new CheckpointPhases({ clock, gauge, gate, runner, policy, limits, autocheckpoint })
    this.#schedule = new CheckpointSchedule({ gauge, runner, pins, limitBytes })
    this.#report = { gauge, runner, pins, limits, policy, onEvent }
    this.#isStopped = policy === 'off' || connector.walBytes === undefined
    this.#idle = new IdleWatch({
      clock,
      isLarge: () => !this.#isStopped && gauge.fileBytes >= limitBytes,
      isBusy: () => queue.isBusy || this.#running !== undefined,
      tidyUp: () => this.#start(() => this.#tidyUp()),
      // Where nothing is cut, a file that stays as it is needs no second look.
      isWorthAnother: () => policy === 'auto' || pins.pin !== undefined,
    })
  }

  stats(): WalStats {
    return walStats(this.#report)
  }

  /**
   * To be told after each use of the writer. Looks at the WAL every few milliseconds, and starts what has to be done.
   *
   * @param hasWaited Whether it was for one statement, which had to wait for the lock.
   */
  noteCycle(nowMs: number, hasWaited = false): void {
    if (this.#isStopped) return
    this.#idle.noteWrite(nowMs)
    // Its look may be put off, and it the last write for long.
    if (hasWaited) this.#idle.start()
    if (!this.#schedule.takeLook(nowMs, hasWaited)) return
    const fileBytes = this.#gauge.fileBytes
    if (fileBytes < this.#host.limitBytes) return
    this.#idle.start()
    if (this.#running !== undefined) this.#phases.noteGrowth()
    else if (this.#schedule.isDue(fileBytes, nowMs)) this.#start(() => this.#checkpoint())
  }

  /** To be told that another database may be attached from now on: nobody checkpoints its WAL but SQLite, in a commit. */
  noteAttached(): void {
    if (!this.#isStopped) this.#phases.noteAttached()
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
    await within(this.#host.clock, closeLimitMs, this.#end())
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
        this.#schedule.noteFailure(this.#host.clock.now())
        return this.#gate.applyAutocheckpoint()
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async #checkpoint(): Promise<void> {
    this.#conclude(await this.#phases.checkpoint())
  }

  /** Without a result another process has done it all. */
  #conclude(result: CheckpointResult | undefined): void {
    const isBlocked = result !== undefined && this.#phases.isBlocked(result)
    if (isBlocked || (result !== undefined && this.#phases.isGivenUp(result))) this.#pins.met()
    else if (!result?.isBusy) this.#pins.ended()
    this.#schedule.noteEnd(isBlocked, this.#host.clock.now())
    reportPin(this.#report)
  }

  /** Nobody writes: the moment to cut the file. */
  async #tidyUp(): Promise<void> {
    const { policy, oldestReadSinceMs } = this.#host
    if (!this.#runner.usesWorker && this.#pins.pin === undefined) return
    if (policy === 'passive' || oldestReadSinceMs() !== undefined) return this.#checkpoint()
    this.#conclude(await this.#phases.cut())
  }
}
