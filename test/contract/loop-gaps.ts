/** How long the event loop stood still: an own interval sees what `monitorEventLoopDelay` misses. */

export interface LoopWatch {
  /** Ends the watch and answers the longest time between two ticks of a 2 ms interval, in milliseconds. */
  worstGapMs(): number
}

export function watchLoop(): LoopWatch {
  let worstMs = 0
  let lastMs = performance.now()
  const tick = (): void => {
    const nowMs = performance.now()
    worstMs = Math.max(worstMs, nowMs - lastMs)
    lastMs = nowMs
  }
  const interval = setInterval(tick, 2)
  return {
    worstGapMs() {
      tick()
      clearInterval(interval)
      return worstMs
    },
  }
}
