/**
 * SIGTERM and SIGINT: the first one asks the server to stop, a second one ends it at once.
 *
 * @module
 */
import process from 'node:process'

/** With Ctrl-C npm passes on the signal that the terminal has sent to everybody: within this time they are one signal. */
const sameSignalMs = 500

/** Calls `stop` once, with the first signal. */
export function onStopSignal(stop: () => Promise<void>): void {
  let stoppedAtMs: number | undefined
  const take = (): void => {
    if (stoppedAtMs === undefined) {
      stoppedAtMs = performance.now()
      void stop()
    } else if (performance.now() - stoppedAtMs > sameSignalMs) {
      console.log('Ended at once: what was not written is lost')
      process.exit(130)
    }
  }
  process.on('SIGTERM', take).on('SIGINT', take)
}
