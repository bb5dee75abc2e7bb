/**
 * How long a request to a database elsewhere may take. One that is never answered would hold back all that is to come after
 * it, for ever.
 *
 * @module
 */
import { badNumber } from '../src/options/number-checks.ts'

/** @throws {RangeError} If it is no time to wait: timers hold 31 bits. */
export function checkRequestTimeout(requestTimeoutMs: number): void {
  if (Number.isInteger(requestTimeoutMs) && requestTimeoutMs >= 1 && requestTimeoutMs < 2 ** 31) return
  const rule = `an integer from 1 to ${2 ** 31 - 1}`
  throw badNumber(`Cannot use requestTimeoutMs as it must be ${rule}`, requestTimeoutMs)
}

/** A timer that is later than that tells that this process stood still: it was stopped, or computed without a pause. */
const lateMs = 100
/** What was answered meanwhile is read within that, at the most. */
const readMs = 1_000

/**
 * The answer of a request, if it comes in time. The time of the server counts: after this process stood still, it first
 * looks at what has come.
 *
 * @param who What was asked, as the start of a sentence.
 * @param giveUp Ends what can be ended of a request that is late.
 * @throws {DOMException} A `TimeoutError`: nobody knows what became of the request.
 */
export async function answeredWithin<T>(
  requestTimeoutMs: number,
  who: string,
  answer: Promise<T>,
  giveUp: (reason: DOMException) => void = () => {},
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    const end = (): void => {
      const reason = new DOMException(`${who} did not answer within ${requestTimeoutMs} ms`, 'TimeoutError')
      giveUp(reason)
      reject(reason)
    }
    const endsAtMs = performance.now() + requestTimeoutMs
    timer = setTimeout(() => {
      if (performance.now() - endsAtMs < lateMs) end()
      else timer = setTimeout(end, Math.min(requestTimeoutMs, readMs))
    }, requestTimeoutMs)
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    clearTimeout(timer)
  }
}
