/**
 * Keeps writes back for a moment: the WAL starts over only if a write finds all of it checkpointed. They wait as for any
 * other write, and the event loop goes on.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import type { Statement } from '../connector.ts'
import { startLockWait } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'
import type { WriteQueue } from '../write-queue.ts'

/** How long to wait for the writer and for the lock of other processes. */
const entryLimitMs = 5_000
/** How long writes may be kept back; an fsync of 270 to 650 ms has been measured, one that hangs must not stop them. */
const holdLimitMs = 2_000

/** After how many pages SQLite checkpoints in the commit of the writer; `undefined` leaves it as it is. */
export interface Autocheckpoint {
  pages: number | undefined
}

/** What runs with the writer in hand. Resolves with what it came to. */
export type GatedWork<T> = (writer: PatientConnection) => Promise<T>

/** The gate of one storage. */
export class CheckpointGate {
  readonly #queue: WriteQueue
  readonly #clock: Clock
  readonly #autocheckpoint: Autocheckpoint
  readonly #stop = new AbortController()
  readonly #stopped = Promise.withResolvers<void>()
  #appliedPages: number | undefined

  constructor(queue: WriteQueue, clock: Clock, autocheckpoint: Autocheckpoint) {
    this.#queue = queue
    this.#clock = clock
    this.#autocheckpoint = autocheckpoint
    this.#appliedPages = autocheckpoint.pages
  }

  /**
   * Runs `work` while nothing is written: by nobody if `lock` is `others-too`. Writes go on when it is through, after 2 s,
   * or when the storage closes, whatever comes first.
   *
   * @param isNeeded Asked again at each try to get in: what is waited for may have come meanwhile.
   * @returns What it came to, however long that takes; `undefined` if it was not needed any more.
   * @throws If the writer or the lock was not to be had; `work` did not run.
   */
  async pass<T>(
    lock: 'own-writes' | 'others-too',
    work: GatedWork<T>,
    isNeeded: () => boolean = () => true,
  ): Promise<T | undefined> {
    let working: Promise<T> | undefined
    await this.#queue.gate(
      startLockWait(this.#clock, entryLimitMs, this.#stop.signal, 'control'),
      async (writer) => {
        await this.#setPages(writer)
        if (!isNeeded()) return
        // An empty transaction: it keeps the writers of other processes out, and has nothing to commit.
        if (lock === 'others-too') await writer.direct.begin('immediate')
        try {
          working = work(writer)
          await this.#untilOver(working)
        } finally {
          await writer.rollback()
        }
      },
    )
    return working
  }

  /** Sets it on the writer, if it changed since the last passage. */
  async applyAutocheckpoint(): Promise<void> {
    // Never to be had: the storage closes, and a writer that is opened anew is told in its init.
    if (this.#isStale) await this.pass('own-writes', async () => {}).catch(() => {})
  }

  /** Opens it for good. */
  stop(): void {
    this.#stop.abort(new Error('The storage is closing'))
    this.#stopped.resolve()
  }

  /** Whether it keeps nothing back any more. */
  get isOpenForGood(): boolean {
    return this.#stop.signal.aborted
  }

  get #isStale(): boolean {
    const { pages } = this.#autocheckpoint
    return pages !== undefined && pages !== this.#appliedPages
  }

  async #setPages(writer: PatientConnection): Promise<void> {
    if (!this.#isStale) return
    const { pages } = this.#autocheckpoint
    const sql = `PRAGMA wal_autocheckpoint = ${pages}`
    await writer.direct.run({ sql, parameters: [], kind: 'alone', cacheable: false } satisfies Statement)
    this.#appliedPages = pages
  }

  /** Whether it failed is for the caller of {@linkcode CheckpointGate.pass}: the writer has no fault in that. */
  async #untilOver(working: Promise<unknown>): Promise<void> {
    let cancel: (() => void) | undefined
    const isLate = new Promise<void>((resolve) => {
      cancel = this.#clock.schedule(holdLimitMs, resolve)
    })
    const over = working.then(
      () => {},
      () => {},
    )
    await Promise.race([over, isLate, this.#stopped.promise])
    cancel?.()
  }
}
