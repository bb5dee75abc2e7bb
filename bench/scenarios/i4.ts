/**
 * I4, accounting rows on the request path: an LLM proxy counts the tokens of every request, while a foreign process holds
 * the lock in bursts. At the end comes SIGTERM, with requests in flight, and for whoever answers at once with the lock
 * held, too.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, openLoop, post } from './load.ts'
import type { Driven, Scenario, Target } from './scenario.ts'
import type { Stored } from './stored.ts'
import type { Completion } from './usage.ts'

const clientTimeoutMs = 10_000
/** How long the model behind the proxy takes, in milliseconds. */
const modelMs = 50
/** Longer than the old way waits. */
const longHoldMs = 2_000
/** How long the model takes for the requests that are in flight at SIGTERM. */
const slowModelMs = 500
const requestsInFlight = 5
/** Requests that come while the last long batch holds the lock, before SIGTERM. */
const lastRequestsMs = 300

/** The scenario, and all of its sizes. */
export const i4: Scenario = {
  name: 'I4',
  story: [
    `An LLM proxy (the model takes ${modelMs} ms) stores the usage of each request, while a foreign process holds the write`,
    'lock in bursts of 18 batches of 50 ms, 5 ms apart, and for 2,000 ms once in the middle and once at the end. Then,',
    `as soon as there are answers, comes SIGTERM with ${requestsInFlight} requests in flight.`,
    'old: each request inserts its row synchronously (better-sqlite3, timeout 1,000 ms); a row that meets a lock is dropped.',
    'new: each request pushes its row into storage.append(); a background writer stores it, and SIGTERM drains the queue.',
    'Counts are of requests: lost ones were answered, and their row is not in the database.',
  ],
  unit: 'requests/s',
  plan: { sizes: [20, 100, 400], rounds: 3, roundMs: 3_000 },
  programs: { old: 'old-usage-server', new: 'new-usage-server' },
  bursts: { holdMs: 50, gapMs: 5, batches: 18, pauseMs: 500 },
  sessions: () => 0,
  drive,
  limits: { p99Ms: 2_000, loopGapMs: 500 },
}

interface Completed extends Answer {
  readonly requestId: string
  readonly takesMs: number
}

async function drive({ url, size, durationMs, foreign, terminate }: Target): Promise<Driven> {
  const everyMs = 1_000 / size
  const firstMs = durationMs / 2
  const sent = (name: string, forMs: number): Promise<Completed[]> =>
    openLoop({ everyMs, durationMs: forMs }, (index) => complete(url, `${name}-${index}`))

  const before = sent('before', firstMs)
  await sleep(firstMs)
  const [, middle] = await Promise.all([
    foreign.hold(longHoldMs),
    sent('middle', durationMs - firstMs - lastRequestsMs),
  ])
  await foreign.hold(longHoldMs)
  const last = await lastRequests(url, everyMs, terminate)
  const completed = [...(await before), ...middle, ...last]
  return {
    attempted: completed.length,
    failed: completed.filter(({ isOk }) => !isOk).length,
    // Of requests that are alike: those of the end are slow by themselves.
    latenciesMs: completed.filter(({ takesMs }) => takesMs === modelMs).map(({ latencyMs }) => latencyMs),
    judge: (stored) => judge(stored, completed),
  }
}

/** SIGTERM comes while the last of these are with the model. */
async function lastRequests(url: string, everyMs: number, terminate: () => void): Promise<Completed[]> {
  const answers = await openLoop({ everyMs, durationMs: lastRequestsMs }, (index) =>
    complete(url, `last-${index}`),
  )
  let inFlight = requestsInFlight
  const slow = Array.from({ length: requestsInFlight }, async (_, index) => {
    const answer = await complete(url, `in-flight-${index}`, slowModelMs)
    inFlight--
    return answer
  })
  // By now they have reached the server: a connection that nobody has read from would be cut.
  await sleep(slowModelMs / 2)
  if (inFlight < requestsInFlight)
    throw new Error('Cannot judge the end: requests were answered before SIGTERM')
  terminate()
  return [...answers, ...(await Promise.all(slow))]
}

async function complete(url: string, requestId: string, takesMs: number = modelMs): Promise<Completed> {
  const completion: Completion = { requestId, prompt: 'How many rows does a locked table hold?', takesMs }
  return { requestId, takesMs, ...(await post(`${url}/v1/completions`, completion, clientTimeoutMs)) }
}

function judge({ usage }: Stored, completed: readonly Completed[]): { committed: number; lost: number } {
  const lost = completed.filter(({ requestId, isOk }) => isOk && !usage.has(requestId))
  return { committed: usage.size, lost: lost.length }
}
