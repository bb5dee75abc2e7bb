/**
 * Marks as inactive what has not been heard of for 10 minutes. Several servers may sweep one database: each row is written
 * only if it still is as it was read (compare-and-set), so nobody who came back meanwhile is marked.
 *
 * @module
 */
import { type Clock, LockTimeoutError, StorageClosedError, systemClock, type WaitOptions } from 'unbusy'
import type { PresenceTracker } from './presence-tracker.ts'
import type { LastSeen } from './repositories/presence.ts'

/** When and what to sweep. */
export interface SweeperOptions {
  readonly trackers: readonly PresenceTracker[]
  /** From the end of one sweep to the next, in milliseconds. @default {30_000} */
  readonly intervalMs?: number
  /** How long one must have been silent, in milliseconds. @default {600_000} */
  readonly silentForMs?: number
  /** Timers, for tests. */
  readonly clock?: Clock
  /** The time in ms since the epoch. @default {Date.now} */
  readonly now?: () => number
}

/** More wait for the next round: one statement of this size takes milliseconds. */
const maxRows = 5_000
const wait: WaitOptions = { lane: 'background', lockTimeoutMs: 2_000 }

/** Sweeps until it is stopped. */
export class Sweeper {
  readonly #trackers: readonly PresenceTracker[]
  readonly #intervalMs: number
  readonly #silentForMs: number
  readonly #clock: Clock
  readonly #now: () => number
  #cancelTimer: (() => void) | undefined
  #isStopped = false
  #swept = 0

  constructor(options: SweeperOptions) {
    this.#trackers = options.trackers
    this.#intervalMs = options.intervalMs ?? 30_000
    this.#silentForMs = options.silentForMs ?? 10 * 60_000
    this.#clock = options.clock ?? systemClock
    this.#now = options.now ?? Date.now
  }

  /** How many were marked since the start. */
  get swept(): number {
    return this.#swept
  }

  /** Sweeps every interval from now on. The timer keeps the process alive until `stop()`. */
  start(): void {
    if (this.#isStopped) return
    this.#cancelTimer = this.#clock.schedule(this.#intervalMs, async () => {
      await this.sweep().catch((error) => {
        // A busy database is no news: what is silent now is silent the next time, too.
        if (!(error instanceof LockTimeoutError || error instanceof StorageClosedError))
          console.error('The sweep failed:', error)
      })
      this.start()
    })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
  }

  /** Sweeps once, and answers how many were marked. */
  async sweep(): Promise<number> {
    const nowMs = this.#now()
    const sinceMs = nowMs - this.#silentForMs
    let count = 0
    for (const tracker of this.#trackers) {
      // The next sign of life is news then, whatever was acknowledged in that future.
      for (const id of await tracker.rows.clampFuture(nowMs, wait)) tracker.directory.silence(id)
      const silent = await tracker.rows.listSilent(sinceMs, maxRows)
      // Whose sign of life was acknowledged is not silent, even if it is not stored yet.
      const isUnseen = ({ id }: LastSeen): boolean => (tracker.directory.get(id)?.seenAtMs ?? 0) < sinceMs
      const unseen = silent.filter(isUnseen)
      if (unseen.length === 0) continue
      const marked = await tracker.rows.deactivateMany(unseen, wait)
      // Whoever came back while that waited is stored as active by the next flush.
      for (const row of marked.filter(isUnseen)) tracker.silence(row)
      count += marked.length
    }
    this.#swept += count
    return count
  }
}
