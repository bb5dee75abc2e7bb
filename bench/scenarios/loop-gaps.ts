/**
 * How long an event loop stood still, and when. An own interval sees what `monitorEventLoopDelay` misses: a single long
 * freeze.
 *
 * @module
 */

/** A time in which a timer was due and did not run. */
export interface LoopGap {
  /** In ms since the epoch, so that another process can tell what it was doing then. */
  readonly endedAtMs: number
  readonly gapMs: number
}

/** How much later than asked a timer may come without anybody's fault, on a busy machine. */
const leastDelayMs = 1

/**
 * Records the gaps from now on, for as long as the process lives; the caller may take them out.
 *
 * @param everyMs How often it looks: a freeze may be longer than the gap by so much.
 */
export function recordLoopGaps(everyMs = 2): LoopGap[] {
  const gaps: LoopGap[] = []
  let lastMs = performance.now()
  const interval = setInterval(() => {
    const nowMs = performance.now()
    const gapMs = nowMs - lastMs - everyMs
    if (gapMs >= leastDelayMs) gaps.push({ endedAtMs: Date.now(), gapMs })
    lastMs = nowMs
  }, everyMs)
  interval.unref()
  return gaps
}

/** When rounds began, how long each was, and how many. */
export interface Rounds {
  readonly startedAtMs: number
  readonly roundMs: number
  readonly count: number
}

/** The longest gap that touches each round: a freeze is not shorter because a round ended meanwhile. */
export function worstByRound(gaps: readonly LoopGap[], { startedAtMs, roundMs, count }: Rounds): number[] {
  return Array.from({ length: count }, (_, round) => {
    const fromMs = startedAtMs + round * roundMs
    const touching = gaps.filter(
      ({ endedAtMs, gapMs }) => endedAtMs > fromMs && endedAtMs - gapMs < fromMs + roundMs,
    )
    return Math.max(0, ...touching.map(({ gapMs }) => gapMs))
  })
}
