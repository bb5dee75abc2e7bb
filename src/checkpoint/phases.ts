/**
 * How one checkpoint goes: phase 1 does most of the work beside the writers, phase 2 the rest while there are none. Measured
 * against the alternatives: PASSIVE beside a busy writer never lets the WAL start over, and TRUNCATE among readers shuts
 * the writers out for as long as it waits.
 *
 * @module
 */
import type { CheckpointMode, CheckpointResult, CheckpointWorker } from '../connector.ts'
import type { CheckpointPolicy } from '../options/pool-options.ts'
import { type Clock, sleep } from '../time/clock.ts'
import type { Autocheckpoint, CheckpointGate } from './gate.ts'
import { autocheckpointPages, type WalLimits } from './limits.ts'
import type { CheckpointRunner } from './runner.ts'
import type { WalGauge } from './wal-gauge.ts'

/** How long phase 2 keeps everybody's writes back for the checkpoint of another process; an fsync may take as long. */
const insistMs = 500
const insistEveryMs = 1
/** And when it may do so again, after it was in vain: a process that was stopped in a checkpoint may stay there for hours. */
const insistAgainMs = 10 * insistMs

/** What a checkpoint works with. */
export interface CheckpointPhasesHost {
  readonly clock: Clock
  readonly gauge: WalGauge
  readonly gate: CheckpointGate
  readonly runner: CheckpointRunner
  readonly policy: CheckpointPolicy
  readonly limits: WalLimits
  /** Shared with the connections, which set it. */
  readonly autocheckpoint: Autocheckpoint
}

/** Runs the checkpoints of one storage, one at a time. */
export class CheckpointPhases {
  readonly #host: CheckpointPhasesHost
  /** Set while phase 1 runs: resolved when the WAL has grown too much to wait for its end. */
  #crowd: PromiseWithResolvers<void> | undefined
  #insistsFromMs = 0

  constructor(host: CheckpointPhasesHost) {
    this.#host = host
  }

  /** To be told that the WAL may have grown, while one runs. */
  noteGrowth(): void {
    if (this.#crowd !== undefined && this.#hasReached(this.#host.limits.crowdedBytes)) this.#crowd.resolve()
  }

  /** To be told that there may be another WAL, until the next checkpoint looks for itself. */
  noteAttached(): void {
    const { limits, runner, gate } = this.#host
    this.#setAutocheckpoint(autocheckpointPages(limits, runner.usesWorker))
    void gate.applyAutocheckpoint()
  }

  /** @returns What came of it; `undefined` if others had emptied the WAL before phase 2. */
  async checkpoint(): Promise<CheckpointResult | undefined> {
    const opening = this.#openWorker()
    const result = this.#isAlmostDone ? undefined : await this.#moveMost(opening)
    const worker = await opening
    if (worker === undefined) return this.#checkpointOnWriter()
    return result && this.#isInVain(result) ? result : this.#finish(worker)
  }

  /** Cuts the file, for which writers are shut out: while nobody writes. */
  async cut(): Promise<CheckpointResult | undefined> {
    const worker = await this.#openWorker()
    if (worker === undefined) return this.#checkpointOnWriter()
    return this.#host.gate.pass('own-writes', () => this.#host.runner.runInWorker(worker, 'truncate'))
  }

  /** Whether so much could not be moved that a reader must be in the way: one that comes and goes holds a few frames. */
  isBlocked(result: CheckpointResult): boolean {
    const { gauge, limits } = this.#host
    return gauge.openBytes(result) >= limits.limitBytes / 2
  }

  /** Whether another process is in a checkpoint for so long that it is not waited for any more. */
  isGivenUp(result: CheckpointResult): boolean {
    return isElsewhere(result) && this.#host.clock.now() < this.#insistsFromMs
  }

  /** Phase 1. */
  async #moveMost(opening: Promise<CheckpointWorker | undefined>): Promise<CheckpointResult | undefined> {
    const { gate, runner } = this.#host
    const moving = opening.then((worker) => worker && runner.runInWorker(worker, 'passive'))
    const crowd = Promise.withResolvers<void>()
    this.#crowd = crowd
    const early = await Promise.race([moving, crowd.promise]).finally(() => {
      this.#crowd = undefined
    })
    // Our own writes only: the others know for themselves how much they add, and phase 1 can take its time.
    return early ?? gate.pass('own-writes', () => moving)
  }

  /** Whether phase 2 would keep writes back for nothing, after this. */
  #isInVain(result: CheckpointResult): boolean {
    return this.isBlocked(result) || (isElsewhere(result) && !this.#mayInsist(this.#host.limits.insistBytes))
  }

  /** Whether others have moved most of it: one more phase 1 would do little, and keep them from their phase 2. */
  get #isAlmostDone(): boolean {
    const { gauge, limits, runner } = this.#host
    return runner.isWorkerOpen && this.#hasReached(limits.limitBytes) && gauge.openBytes() < limits.restBytes
  }

  /** Asked, as all that looks at the WAL, only where a worker checkpoints: who looks is synchronous then. */
  #hasReached(bytes: number): boolean {
    return (this.#host.gauge.usedBytes() ?? 0) >= bytes
  }

  #mayInsist(fromBytes: number): boolean {
    return this.#hasReached(fromBytes) && this.#host.clock.now() >= this.#insistsFromMs
  }

  /** Phase 2. */
  async #finish(worker: CheckpointWorker): Promise<CheckpointResult | undefined> {
    const { gate, gauge, limits, policy, runner } = this.#host
    // A transaction of ours, which keeps other processes out, would be in the way of a TRUNCATE.
    if (policy === 'auto' && gauge.fileBytes >= limits.truncateBytes) {
      return gate.pass('own-writes', () => runner.runInWorker(worker, 'truncate'))
    }
    // Another process may have been through with it while this one waited for the writer, or for the lock.
    const isDue = (): boolean => (gauge.usedBytes() ?? limits.limitBytes) >= limits.limitBytes
    // Other processes may write beside phase 2, and the WAL then does not start over, until it is too much.
    if (!this.#mayInsist(limits.crowdedBytes))
      return gate.pass('own-writes', () => runner.runInWorker(worker, 'passive'), isDue)
    return gate.pass('others-too', () => this.#insist(worker, 'passive'), isDue)
  }

  /**
   * Of all processes one checkpoints at a time, and who is in phase 1 holds no lock on writes. To let go of ours for that
   * would let everybody write on: four processes got to a WAL of 20 to 70 MB.
   */
  async #insist(worker: CheckpointWorker, mode: CheckpointMode): Promise<CheckpointResult> {
    const { clock, gate, runner } = this.#host
    const untilMs = clock.now() + insistMs
    for (;;) {
      const result = await runner.runInWorker(worker, mode)
      if (!isElsewhere(result) || gate.isOpenForGood) return result
      if (clock.now() >= untilMs) {
        this.#insistsFromMs = clock.now() + insistAgainMs
        return result
      }
      await sleep({ clock }, insistEveryMs)
    }
  }

  /** The worker; while there is one, no commit of the writer checkpoints by itself, unless there is another WAL as well. */
  async #openWorker(): Promise<CheckpointWorker | undefined> {
    const { limits, gauge, runner } = this.#host
    // In case it cannot be had just now.
    this.#setAutocheckpoint(autocheckpointPages(limits, true))
    const worker = await runner.openWorker()
    if (worker === undefined) this.#setAutocheckpoint(autocheckpointPages(limits, false))
    else if (!gauge.mayHaveAttached) this.#setAutocheckpoint(0)
    return worker
  }

  #setAutocheckpoint(pages: number): void {
    const { autocheckpoint } = this.#host
    if (autocheckpoint.pages !== undefined) autocheckpoint.pages = pages
  }

  #checkpointOnWriter(): Promise<CheckpointResult | undefined> {
    return this.#host.gate.pass('own-writes', (writer) => this.#host.runner.runOnWriter(writer))
  }
}

/** Another process is at it: what it does, it does for all. */
function isElsewhere({ isBusy, logFrames }: CheckpointResult): boolean {
  return isBusy && logFrames < 0
}
