/**
 * Waiting for what other processes do.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

const limitMs = 15_000
const pollEveryMs = 50

/** Asks until it is so. What fails is asked again. @throws {Error} If it is not so within 15 s. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  let failure: unknown
  while (true) {
    try {
      if (await isSo()) return
      failure = undefined
    } catch (error) {
      failure = error
    }
    if (performance.now() > deadlineMs)
      throw new Error(`Not within ${limitMs} ms: ${what}`, { cause: failure })
    await sleep(pollEveryMs)
  }
}
