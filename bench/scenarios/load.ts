/**
 * Requests that come when they come, however slow the answers are.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** What became of one request. */
export interface Answer<Body = unknown> {
  /** Whether the server said, in time, that it was done. */
  readonly isOk: boolean
  readonly latencyMs: number
  /** Absent if there was none in time, or none that is JSON. */
  readonly body: Body | undefined
}

/** Posts JSON; gives up after `timeoutMs`. Never rejects. */
export async function post<Body>(url: string, json: object, timeoutMs: number): Promise<Answer<Body>> {
  const sentAtMs = performance.now()
  let isOk = false
  let body: Body | undefined
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
      signal: AbortSignal.timeout(timeoutMs),
    })
    body = (await response.json()) as Body
    isOk = response.ok
  } catch {
    // Refused, cut off, or not answered in time.
  }
  return { isOk, body, latencyMs: performance.now() - sentAtMs }
}

/** How requests come. */
export interface Arrivals {
  readonly everyMs: number
  readonly durationMs: number
}

/** Calls `send` at its times, also while earlier requests have no answer yet; resolves with all answers. */
export async function openLoop<T>(
  { everyMs, durationMs }: Arrivals,
  send: (index: number) => Promise<T>,
): Promise<T[]> {
  const startedAtMs = performance.now()
  const answers: Promise<T>[] = []
  while (true) {
    const ageMs = performance.now() - startedAtMs
    while (answers.length * everyMs <= ageMs && answers.length * everyMs < durationMs)
      answers.push(send(answers.length))
    if (answers.length * everyMs >= durationMs) return Promise.all(answers)
    await sleep(Math.max(1, answers.length * everyMs - ageMs))
  }
}
