/**
 * When the WAL is looked at, and when a checkpoint is due: by its size, and by what the last checkpoint met.
 *
 * @module
 */
import type { WalLimits } from './checkpoint-limits.ts'
import type { CheckpointRunner } from './checkpoint-runner.ts'
import type { WalGauge } from './wal-gauge.ts'
import type { WalPinWatch } from './wal-pin-watch.ts'

/** A look costs some 10 microseconds; at 400 MB/s of writes the WAL grows by 1.2 MB between two. */
const lookEveryMs = 3
/** The first writes after a pause find all caches cold, and others ask for the lock meanwhile: a look has time. */
const warmUpMs = 0.5
/**
 * Where processes take turns, whose turn is over starts phase 1: the thread that runs it would take the processor from who
 * writes. A turn that lasts longer than this is none.
 */
const longestTurnMs = 5
/** The time to the next checkpoint, by what the last one met; `rest` is where others write, or checkpoint, meanwhile, and does not hold phase 2 up. */
const retryMs = { reader: 250, readerOnLoop: 1_000, rest: 10, error: 250 } as const

/** What a schedule goes by. */
export interface CheckpointScheduleHost {
  readonly gauge: WalGauge
  readonly runner: CheckpointRunner
  readonly pins: WalPinWatch
  readonly limits: WalLimits
}

/** The times of one storage; all of them on the clock of the storage. */
export class CheckpointSchedule {
  readonly #host: CheckpointScheduleHost
  #nextLookMs = 0
  /** Whether others have had the lock since the writer was used. */
  #wasKeptOut = false
  /** When the writer was first used after that. */
  #turnAtMs = Number.NEGATIVE_INFINITY
  #notBeforeMs = 0
  /** Until then a reader, or what has failed, would be met again. */
  #hopelessUntilMs = 0
  /** The size of the file at the last checkpoint on the writer. */
  #seenBytes = 0

  constructor(host: CheckpointScheduleHost) {
    this.#host = host
  }

  /** Whether it is time to look at the WAL, as the writer was used; if so, the next look has its time from now on. */
  takeLook(nowMs: number): boolean {
    if (this.#wasKeptOut) {
      this.#wasKeptOut = false
      this.#turnAtMs = nowMs
    }
    return nowMs >= this.#turnAtMs + warmUpMs && this.#take(nowMs)
  }

  /** The same, as the writer has to wait for the lock. On the event loop that is not the time for a checkpoint. */
  takeLookAtPause(nowMs: number): boolean {
    if (!this.#host.runner.usesWorker) return false
    this.#wasKeptOut = true
    return this.#take(nowMs)
  }

  /** Whether a file of this size, which is the limit at least, is to be checkpointed now. */
  isDue(fileBytes: number, nowMs: number, isAtPause: boolean): boolean {
    if (nowMs < this.#hopelessUntilMs) return false
    return this.#host.runner.usesWorker
      ? this.#isDueInWorker(nowMs, isAtPause)
      : this.#isDueOnLoop(fileBytes, nowMs)
  }

  /** A checkpoint ended. */
  noteEnd(isBlocked: boolean, nowMs: number): void {
    const { gauge, runner, pins } = this.#host
    const isOnLoop = !runner.usesWorker
    if (isOnLoop) this.#seenBytes = gauge.fileBytes
    const { reader, readerOnLoop, rest } = retryMs
    const hasPin = isBlocked || (isOnLoop && pins.pin !== undefined)
    if (hasPin) this.#hopelessUntilMs = nowMs + (isOnLoop ? readerOnLoop : reader)
    else this.#notBeforeMs = nowMs + rest
  }

  /** A checkpoint failed, or could not begin. */
  noteFailure(nowMs: number): void {
    this.#hopelessUntilMs = nowMs + retryMs.error
  }

  #isDueInWorker(nowMs: number, isAtPause: boolean): boolean {
    const { gauge, limits } = this.#host
    const use = gauge.use()
    // In a transaction, for one: the next look will tell.
    if (use === undefined || use.usedBytes < limits.limitBytes) return false
    // Phase 2, also after the phase 1 of another process.
    if (use.usedBytes >= limits.crowdedBytes) return true
    if (nowMs < this.#notBeforeMs || use.isMoved) return false
    return isAtPause || nowMs >= this.#turnAtMs + longestTurnMs
  }

  #isDueOnLoop(fileBytes: number, nowMs: number): boolean {
    const { pins, limits } = this.#host
    if (nowMs < this.#notBeforeMs) return false
    // SQLite itself checkpoints in the writer's commits; a file that grows nevertheless tells that something is amiss.
    this.#seenBytes = Math.min(this.#seenBytes, fileBytes)
    return (
      pins.pin !== undefined ||
      fileBytes >= Math.max(2 * limits.limitBytes, this.#seenBytes + limits.limitBytes)
    )
  }

  #take(nowMs: number): boolean {
    if (nowMs < this.#nextLookMs) return false
    this.#nextLookMs = nowMs + lookEveryMs
    return true
  }
}
