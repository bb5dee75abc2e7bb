import type { Clock } from './clock.ts'

/** Waits for work that never rejects, for so long at the most. Answers whether it was through in time. */
export function within(clock: Clock, timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(timeoutMs, () => resolve(false))
    void work.then(() => {
      cancel()
      resolve(true)
    })
  })
}
