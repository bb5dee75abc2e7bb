/**
 * Time and chance: everything that waits, counts time or is random goes by a clock that a test can put in its place.
 *
 * @module
 */

/** Time and chance, injectable for tests. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Calls back once after `delayMs`; the returned function cancels. */
  schedule(delayMs: number, callback: () => void, options?: ScheduleOptions): () => void
  /** Uniform in [0, 1). */
  random(): number
}

/** How a callback waits for its time. */
export interface ScheduleOptions {
  /** Whether the process stays alive until then, where the runtime lets one choose. @default {true} */
  readonly keepsAlive?: boolean
}

/** Timers hold their delay in 32 bits, and one that is longer fires at once. */
const maxTimerMs = 2 ** 31 - 1

/** Found once: the global is a getter on Node, and asking it costs as much as the time itself. */
const { performance } = globalThis

/** The clock of the runtime. Its timers keep the process alive: a pending write must. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, callback, options) {
    const rest = delayMs - maxTimerMs
    let cancelRest = (): void => {}
    const goOn = (): void => {
      cancelRest = systemClock.schedule(rest, callback, options)
    }
    const timer = rest > 0 ? setTimeout(goOn, maxTimerMs) : setTimeout(callback, delayMs)
    // Node, Bun and Deno have it, the edge has numbers.
    if (options?.keepsAlive === false) (timer as { unref?(): void }).unref?.()
    return () => {
      clearTimeout(timer)
      cancelRest()
    }
  },
  random: Math.random,
}

/** Who sleeps by which clock, and what wakes him up. */
interface Sleeper {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

/** Resolves after so long; rejects with the signal's reason if it aborts before. */
export function sleep({ clock, signal }: Sleeper, delayMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
