/**
 * When the WAL is looked at, and when a checkpoint is due: by its size, and by what the last checkpoint met.
 *
 * @module
 */
import type { CheckpointRunner } from './runner.ts'
import type { WalGauge } from './wal-gauge.ts'
import type { WalPinWatch } from './wal-pin-watch.ts'

/** A look costs 10 to 60 microseconds; at 400 MB/s of writes the WAL grows by 1.2 MB between two. */
const lookEveryMs = 3
/**
 * After a wait for the lock all caches are cold and others ask for it too: whoever looks after its first write often
 * loses it. In `npm run scenario -- I5`, the look put off by so long: some 2 % more commits.
 */
const putOffMs = 0.5
/** The time to the next checkpoint, by what the last one met; `rest` is where others write, or checkpoint, meanwhile. */
const retryMs = { reader: 250, readerOnLoop: 1_000, rest: 10, error: 250 } as const

/** What a schedule goes by. */
export interface CheckpointScheduleHost {
  readonly gauge: WalGauge
  readonly runner: CheckpointRunner
  readonly pins: WalPinWatch
  /** The WAL is checkpointed at this size. */
  readonly limitBytes: number
}

/** The times of one storage; all of them on the clock of the storage. */
export class CheckpointSchedule {
  readonly #host: CheckpointScheduleHost
  #nextLookMs = 0
  #isPutOff = false
  #notBeforeMs = 0
  /** The size of the file at the last checkpoint on the writer. */
  #seenBytes = 0

  constructor(host: CheckpointScheduleHost) {
    this.#host = host
  }

  /**
   * Whether it is time to look at the WAL; if so, the next look has its time from now on.
   *
   * @param hasWaited Whether the writer was used for one statement, which had to wait for the lock: a look is put off then,
   *   once.
   */
  takeLook(nowMs: number, hasWaited: boolean): boolean {
    if (nowMs < this.#nextLookMs) return false
    this.#isPutOff = hasWaited && !this.#isPutOff
    this.#nextLookMs = nowMs + (this.#isPutOff ? putOffMs : lookEveryMs)
    return !this.#isPutOff
  }

  /** Whether a file of this size, which is the limit at least, is to be checkpointed now. */
  isDue(fileBytes: number, nowMs: number): boolean {
    if (nowMs < this.#notBeforeMs) return false
    const { gauge, runner, pins, limitBytes } = this.#host
    if (runner.usesWorker) return (gauge.usedBytes() ?? 0) >= limitBytes
    // SQLite itself checkpoints in the writer's commits; a file that grows nevertheless tells that something is amiss.
    this.#seenBytes = Math.min(this.#seenBytes, fileBytes)
    return pins.pin !== undefined || fileBytes >= Math.max(2 * limitBytes, this.#seenBytes + limitBytes)
  }

  /** A checkpoint ended. */
  noteEnd(isBlocked: boolean, nowMs: number): void {
    const { gauge, runner, pins } = this.#host
    const isOnLoop = !runner.usesWorker
    if (isOnLoop) this.#seenBytes = gauge.fileBytes
    const { reader, readerOnLoop, rest } = retryMs
    const hasPin = isBlocked || (isOnLoop && pins.pin !== undefined)
    this.#notBeforeMs = nowMs + (hasPin ? (isOnLoop ? readerOnLoop : reader) : rest)
  }

  /** A checkpoint failed, or could not begin. */
  noteFailure(nowMs: number): void {
    this.#notBeforeMs = nowMs + retryMs.error
  }
}
