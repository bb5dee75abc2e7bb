/**
 * Keeps the WAL bounded without freezing the event loop (contract C13): decides when to checkpoint, how far to go, and
 * what to tell. Measured against the alternatives: PASSIVE beside a busy writer never lets the WAL start over, and
 * TRUNCATE among readers shuts the writers out for as long as it waits.
 *
 * @module
 */
import { type Autocheckpoint, CheckpointGate } from './checkpoint-gate.ts'
import { IdleWatch } from './checkpoint-idle.ts'
import { type CheckpointReport, CheckpointRunner } from './checkpoint-runner.ts'
import type { PatientConnection } from './connection.ts'
import type { CheckpointMode, CheckpointResult, CheckpointWorker, Connector } from './connector.ts'
import type { StorageEvent, WalPin } from './events.ts'
import type { Clock } from './lock-wait.ts'
import type { CheckpointPolicy } from './pool-options.ts'
import { WalGauge } from './wal-gauge.ts'
import { WalPinWatch } from './wal-pin-watch.ts'
import type { WriteQueue } from './write-queue.ts'

/** A look costs some 10 microseconds; at 400 MB/s of writes the WAL grows by 1.2 MB between two. */
const lookEveryMs = 3
/** A WAL this many times over its limit no longer waits for the end of phase 1: writes are kept back at once. */
const crowdedFactor = 1.5
/** And at this many times SQLite checkpoints in the commit, if no worker did. */
const netFactor = 1.75
/** A file this big is not only emptied but cut. */
const truncateBytes = 64 * 1024 * 1024
/** The time to the next checkpoint, by what the last one met; `rest` is where others write, or checkpoint, meanwhile. */
const retryMs = { reader: 250, readerOnLoop: 1_000, rest: 10, error: 250 } as const
const closeLimitMs = 5_000
const defaultPageBytes = 4_096

export const defaultCheckpointWalBytes: number = 4 * 1024 * 1024

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
  readonly #gate: CheckpointGate
  readonly #runner: CheckpointRunner
  readonly #pins: WalPinWatch
  readonly #idle: IdleWatch
  #isStopped: boolean
  #running: Promise<void> | undefined
  /** Set while phase 1 runs: resolved when the WAL has grown too much to wait for its end. */
  #crowd: PromiseWithResolvers<void> | undefined
  #nextLookMs = 0
  #notBeforeMs = 0
  /** The size of the file at the last checkpoint on the writer. */
  #seenBytes = 0

  constructor(host: CheckpointsHost) {
    const { connector, clock, queue, writer, autocheckpoint, mayUseWorker, onEvent } = host
    this.#host = host
    this.#isStopped = host.policy === 'off' || connector.walBytes === undefined
    this.#gauge = new WalGauge(connector, writer)
    this.#gate = new CheckpointGate(queue, clock, autocheckpoint)
    this.#runner = new CheckpointRunner(connector, clock, mayUseWorker, onEvent)
    this.#pins = new WalPinWatch(clock, host.oldestReadSinceMs)
    this.#idle = new IdleWatch({
      now: () => clock.now(),
      isLarge: () => !this.#isStopped && this.#gauge.fileBytes >= host.limitBytes,
      isBusy: () => queue.isBusy || this.#running !== undefined,
      tidyUp: () => this.#start(() => this.#tidyUp()),
      // Where nothing is cut, a file that stays as it is needs no second look.
      isWorthAnother: () => host.policy === 'auto' || this.#pins.pin !== undefined,
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
    if (this.#running !== undefined) {
      if (this.#crowd !== undefined && this.#isCrowded) this.#crowd.resolve()
    } else if (nowMs >= this.#notBeforeMs && this.#isDue(fileBytes)) this.#start(() => this.#checkpoint())
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

  /** Asked only where a worker checkpoints: who looks is synchronous then. */
  get #isCrowded(): boolean {
    return (this.#gauge.usedBytes() ?? 0) >= crowdedFactor * this.#host.limitBytes
  }

  /** Phase 1 does most of the work beside the writers, phase 2 the rest while there are none. */
  async #checkpoint(): Promise<void> {
    const opening = this.#worker()
    const first = opening.then((worker) => worker && this.#runner.runInWorker(worker, 'passive'))
    const crowd = Promise.withResolvers<void>()
    this.#crowd = crowd
    const early = await Promise.race([first, crowd.promise]).finally(() => {
      this.#crowd = undefined
    })
    // Our own writes only: the others know for themselves how much they add, and phase 1 can take its time.
    const result = early ?? (await this.#gate.pass('own-writes', () => first))
    const worker = await opening
    if (worker === undefined || result === undefined) await this.#checkpointOnWriter()
    // Phase 2 would keep writes back for nothing.
    else if (this.#isBlocked(result) || isElsewhere(result)) this.#conclude(result)
    else await this.#finish(worker)
  }

  async #finish(worker: CheckpointWorker): Promise<void> {
    const isHuge = this.#host.policy === 'auto' && this.#gauge.fileBytes >= truncateBytes
    const mode: CheckpointMode = isHuge ? 'truncate' : 'passive'
    // Other processes may write beside phase 2, and the WAL then does not start over, until it is too much. A transaction
    // of ours, which keeps them out, would be in the way of a TRUNCATE.
    const lock = isHuge || !this.#isCrowded ? 'own-writes' : 'others-too'
    this.#conclude(await this.#gate.pass(lock, () => this.#runner.runInWorker(worker, mode)))
  }

  /** The worker; while there is one, no commit of the writer checkpoints by itself. */
  async #worker(): Promise<CheckpointWorker | undefined> {
    const { limitBytes } = this.#host
    // In case it cannot be had just now.
    this.#setAutocheckpoint(autocheckpointPages(limitBytes, true))
    const worker = await this.#runner.openWorker()
    this.#setAutocheckpoint(worker === undefined ? autocheckpointPages(limitBytes, false) : 0)
    return worker
  }

  #setAutocheckpoint(pages: number): void {
    const { autocheckpoint } = this.#host
    if (autocheckpoint.pages !== undefined) autocheckpoint.pages = pages
  }

  async #checkpointOnWriter(): Promise<void> {
    const result = await this.#gate.pass('own-writes', (writer) => this.#runner.runOnWriter(writer))
    this.#seenBytes = this.#gauge.fileBytes
    this.#conclude(result)
    if (this.#pins.pin !== undefined) this.#notBeforeMs = this.#host.clock.now() + retryMs.readerOnLoop
  }

  /** Whether so much could not be moved that a reader must be in the way: one that comes and goes holds a few frames. */
  #isBlocked({ logFrames, checkpointedFrames }: CheckpointResult): boolean {
    return this.#gauge.bytesOf(logFrames - checkpointedFrames) >= this.#host.limitBytes / 2
  }

  #conclude(result: CheckpointResult): void {
    const isBlocked = this.#isBlocked(result)
    if (isBlocked) this.#pins.met()
    else if (!result.isBusy) this.#pins.ended()
    this.#notBeforeMs = this.#host.clock.now() + (isBlocked ? retryMs.reader : retryMs.rest)
    this.#report()
  }

  #report(): void {
    const pin = this.#pins.takeReport()
    const walBytes = this.#gauge.fileBytes
    // A replicator reads all the time, and cuts the WAL itself: that is why the policy is what it is.
    const isExpected = this.#host.policy === 'passive' && walBytes < truncateBytes
    if (pin !== undefined && !isExpected) this.#host.onEvent({ kind: 'wal-pinned', walBytes, ...pin })
  }

  /** Nobody writes: the moment to cut the file, which would shut writers out. */
  async #tidyUp(): Promise<void> {
    const { policy, oldestReadSinceMs } = this.#host
    if (!this.#runner.usesWorker && this.#pins.pin === undefined) return
    if (policy === 'passive' || oldestReadSinceMs() !== undefined) return this.#checkpoint()
    const worker = await this.#worker()
    if (worker === undefined) await this.#checkpointOnWriter()
    else {
      const cut = (): Promise<CheckpointResult> => this.#runner.runInWorker(worker, 'truncate')
      this.#conclude(await this.#gate.pass('own-writes', cut))
    }
  }
}

/** Another process is at it: what it does, it does for all. */
function isElsewhere({ isBusy, logFrames }: CheckpointResult): boolean {
  return isBusy && logFrames < 0
}

/**
 * Where SQLite checkpoints by itself, in the commit that reaches so many pages. Beside a worker that is a net, for the time
 * until it runs: it must not catch what the worker is to be started for.
 */
export function autocheckpointPages(limitBytes: number, hasWorker: boolean): number {
  return Math.ceil((limitBytes * (hasWorker ? netFactor : 1)) / defaultPageBytes)
}
