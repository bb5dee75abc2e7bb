/**
 * A timer for upkeep that nobody waits for: unlike those of the clock, it lets the process end (contract C15).
 *
 * @module
 */

/** Calls back once after `delayMs` if the process is still there; the returned function cancels. */
export function startBackgroundTimer(delayMs: number, callback: () => void): () => void {
  const timer: unknown = setTimeout(callback, delayMs)
  // In browsers and workerd a timer is a number, and keeps nothing alive.
  if (typeof timer === 'object') (timer as { unref?(): void }).unref?.()
  return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0])
}
