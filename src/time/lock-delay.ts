/**
 * How long to stay away from a lock that was busy (contract C3). It depends on the AGE of the wait, not on the number of
 * attempts: a delay that grows with attempts would make the oldest waiter the least likely to win.
 *
 * All figures are from `npm run scenario -- I5`, and uniform random, so that processes do not march in step.
 *
 * @module
 */

/** What is known of a wait when it was refused. */
export interface Refusal {
  /** Since the call, in ms. */
  readonly ageMs: number
  /** How many tries were refused since the last pause. */
  readonly triesInARow: number
  /** Whether this process had the lock write after write until now. */
  readonly hadItsTurn: boolean
}

/**
 * Most locks are held for some 20 µs, and a pause costs ten times as much: to fall asleep, and to find all caches cold.
 * But each try may shut out for a moment whoever writes: six were worth less than two.
 */
const triesWithoutPause = 2

/**
 * Milliseconds until the next attempt; 0 for at once.
 *
 * Whoever had its turn stays away first: processes that write alternately do so with stale page caches, each write at more
 * than twice the cost. That way one of them writes for some milliseconds, and those that have waited take over. It asks
 * more often than others after that, and longer, as the age of its wait counts that pause.
 *
 * The pauses of all are nearly equal, so that they come back in the order in which they went, one after the other: with 14
 * to 20 ms eight processes commit 2 % less.
 */
export function nextDelayMs({ ageMs, triesInARow, hadItsTurn }: Refusal, random: () => number): number {
  const isAtOnce = triesInARow <= triesWithoutPause
  if (hadItsTurn && ageMs < 1) return between(16.5, 17.5, random)
  if (hadItsTurn && ageMs < 40) return isAtOnce ? 0 : between(0.3, 1.5, random)
  if (ageMs < 20) return isAtOnce ? 0 : between(0.5, 2.5, random)
  // A lock that is held for so long is worth fewer tries.
  return ageMs < 500 ? between(0.5, 5, random) : between(1, 15, random)
}

function between(lowMs: number, highMs: number, random: () => number): number {
  return lowMs + random() * (highMs - lowMs)
}

/** Writes that end no further apart than this are one row of them. */
const maxGapMs = 1
const minCount = 8
/** Some rounds of eight processes. */
const memoryMs = 50

/**
 * Whether a process has the lock write after write. One that did, not long ago, and loses the lock after its first write,
 * has had its turn as well: two who have just waited would otherwise take it from each other at each write.
 */
export class Turn {
  #endedAtMs = Number.NEGATIVE_INFINITY
  /** At first longer ago than is remembered: no clock goes below 0. */
  #longAtMs = -memoryMs
  #count = 0

  /** The lock was had, and given back. */
  note(nowMs: number): void {
    this.#count = nowMs - this.#endedAtMs < maxGapMs ? this.#count + 1 : 0
    this.#endedAtMs = nowMs
    if (this.#count >= minCount) this.#longAtMs = nowMs
  }

  /** Whether a write that was asked for then goes on with what was a row of them, now or a moment ago. */
  isLongAt(askedAtMs: number): boolean {
    return askedAtMs - this.#endedAtMs < maxGapMs && this.#endedAtMs - this.#longAtMs < memoryMs
  }
}
