/**
 * Runs one checkpoint: by the worker where there is one, else by the writer itself. Looks after the worker, and keeps what
 * the last checkpoint answered.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import type { CheckpointMode, CheckpointResult, CheckpointWorker, Connector } from '../connector.ts'
import { type SqliteError, translateError } from '../errors.ts'
import type { CheckpointFailedEvent, CheckpointWorkerFailedEvent } from '../events.ts'
import { startLockWait } from '../lock-wait.ts'
import { isNotADatabase } from '../result-code.ts'
import type { Clock } from '../time/clock.ts'
import { checkpointStatement, toCheckpointResult } from './wal-gauge.ts'

/** What a checkpoint of this storage answered. */
export interface CheckpointReport extends CheckpointResult {
  readonly mode: CheckpointMode
  /** Who ran it: the worker thread, or the writer on the event loop. */
  readonly by: 'worker' | 'writer'
  /** When it ended, in ms since the epoch. */
  readonly endedAt: number
  readonly durationMs: number
}

/** After so many deaths in a row the writer takes over. */
const maxDeaths = 3

/** What the runner tells: once for each row of failures. */
export type OnCheckpointFailure = (event: CheckpointFailedEvent | CheckpointWorkerFailedEvent) => void

export class CheckpointRunner {
  readonly #connector: Connector
  readonly #clock: Clock
  readonly #onFailure: OnCheckpointFailure
  #worker: CheckpointWorker | undefined
  #isWorkerGivenUp: boolean
  #deaths = 0
  #hasFailed = false
  last: CheckpointReport | undefined

  /** @param mayUseWorker Whether this engine may checkpoint beside its writer. */
  constructor(connector: Connector, clock: Clock, mayUseWorker: boolean, onFailure: OnCheckpointFailure) {
    this.#connector = connector
    this.#clock = clock
    this.#onFailure = onFailure
    this.#isWorkerGivenUp = !mayUseWorker || connector.openCheckpointWorker === undefined
  }

  /** Whether checkpoints run off the event loop, or will once one is needed. */
  get usesWorker(): boolean {
    return !this.#isWorkerGivenUp
  }

  /** Whether the worker has the database open. */
  get isWorkerOpen(): boolean {
    return this.#worker !== undefined
  }

  /**
   * The worker, started if it does not run; `undefined` where there is none, or no more.
   *
   * @throws What SQLite has against opening the database just now.
   */
  async openWorker(): Promise<CheckpointWorker | undefined> {
    if (this.#worker !== undefined || this.#isWorkerGivenUp) return this.#worker
    try {
      this.#worker = await this.#connector.openCheckpointWorker?.()
    } catch (error) {
      // What SQLite reports may pass: another process recovers the WAL, there are too many files. The rest will not.
      if (this.#hasPassingCause(error)) {
        this.#failed(error)
        throw error
      }
      this.#isWorkerGivenUp = true
      this.#onFailure({ kind: 'checkpoint-worker-failed', goesOn: 'writer', error })
    }
    return this.#worker
  }

  /** @throws What went wrong, after it was told: another try may come. */
  async runInWorker(worker: CheckpointWorker, mode: CheckpointMode): Promise<CheckpointResult> {
    const startedAtMs = this.#clock.now()
    try {
      const result = await worker.checkpoint(mode)
      this.#deaths = 0
      return this.#note(result, mode, 'worker', startedAtMs)
    } catch (error) {
      if (this.#worker === worker) await this.#giveUp(worker, error)
      throw error
    }
  }

  /** On the event loop: PASSIVE, which waits for nobody. Outside any transaction. */
  async runOnWriter(writer: PatientConnection): Promise<CheckpointResult> {
    const startedAtMs = this.#clock.now()
    try {
      const { rows } = await writer.tryExecute(checkpointStatement('passive'), startLockWait(this.#clock, 0))
      return this.#note(toCheckpointResult(rows[0]), 'passive', 'writer', startedAtMs)
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** Closes the connection of the worker, which may go on for other storages. */
  async close(): Promise<void> {
    this.#isWorkerGivenUp = true
    const worker = this.#worker
    this.#worker = undefined
    await worker?.close()
  }

  #note(
    result: CheckpointResult,
    mode: CheckpointMode,
    by: CheckpointReport['by'],
    startedAtMs: number,
  ): CheckpointResult {
    this.#hasFailed = false
    this.last = { ...result, mode, by, endedAt: Date.now(), durationMs: this.#clock.now() - startedAtMs }
    return result
  }

  async #giveUp(worker: CheckpointWorker, error: unknown): Promise<void> {
    this.#worker = undefined
    if (this.#connector.resultCodeOf(error) !== undefined) this.#failed(error)
    else {
      this.#deaths++
      this.#isWorkerGivenUp ||= this.#deaths >= maxDeaths
      const goesOn = this.#isWorkerGivenUp ? 'writer' : 'worker'
      this.#onFailure({ kind: 'checkpoint-worker-failed', goesOn, error })
    }
    // Also after an error of SQLite: a fresh connection has no part in it.
    await worker.close().catch(() => {})
  }

  #hasPassingCause(error: unknown): boolean {
    const code = this.#connector.resultCodeOf(error)
    return code !== undefined && !isNotADatabase(code)
  }

  #failed(error: unknown): void {
    const translated = translateError(error, this.#connector.resultCodeOf(error))
    if (!this.#hasFailed) this.#onFailure({ kind: 'checkpoint-failed', error: translated as SqliteError })
    this.#hasFailed = true
  }
}
