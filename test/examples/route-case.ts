/**
 * A case of the demo's routes, and what cases have in common. All cases of a target share one server, so each uses ids of
 * its own.
 *
 * @module
 */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { peerQuery } from '../processes/peer.ts'
import type { Demo } from './demo-server.ts'

/** A sentence and what shows it. */
export interface RouteCase {
  readonly name: string
  /** It holds the lock of the database's file, or reads and writes it from another process. @default {false} */
  readonly needsFile?: boolean
  /** It goes on with a connection on which a body was not read; workerd cuts it at times. @default {false} */
  readonly keepsConnection?: boolean
  /** It sends requests without a host, which workerd refuses by itself. @default {false} */
  readonly namesNoHost?: boolean
  run(demo: Demo): Promise<void>
}

/** How long the shared server lets a write wait: the lock cases take so long. */
export const lockTimeoutMs = 1_000

/** An id that nobody else uses. */
export function newId(): string {
  return crypto.randomUUID()
}

/** Opens a session and answers its id. */
export async function newSession(demo: Demo): Promise<string> {
  return (await demo.request('/v1/sessions', { tag: newId(), metadata: '' })).body.session.id
}

/** Times are compared in ms: lets the next one begin. */
export async function afterThisMillisecond(): Promise<void> {
  const startMs = Date.now()
  while (Date.now() === startMs) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits until so many writes wait for the lock. */
export async function untilWaiting(demo: Demo, writes: number): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while ((await demo.request('/readyz')).body.queuedWrites < writes) {
    if (Date.now() > deadlineMs) throw new Error(`there were never ${writes} writes waiting`)
  }
}

/** Waits until what another process reads fits, and answers it. */
export async function untilStored(
  demo: Demo,
  query: string,
  fits: (rows: readonly Record<string, unknown>[]) => boolean,
): Promise<readonly Record<string, unknown>[]> {
  const deadlineMs = Date.now() + 10_000
  while (true) {
    const rows = await peerQuery(demo.path, [query])
    if (fits(rows)) return rows
    if (Date.now() > deadlineMs) throw new Error(`it was never stored: ${JSON.stringify(rows)}`)
  }
}

/** The status and the error of an answer. */
export async function brief(answer: ReturnType<Demo['request']>): Promise<unknown[]> {
  const { status, body } = await answer
  return [status, body.error]
}

/** POSTs chunks with exactly these headers, which fetch would not allow. */
export async function statusOf(
  url: string,
  headers: Record<string, string>,
  chunks: readonly string[],
  method = 'POST',
): Promise<number> {
  const request = httpRequest(url, { method, headers, agent: false })
  // A server that has heard enough may hang up while the rest is still being sent.
  request.on('error', () => {})
  for (const chunk of chunks) request.write(chunk)
  request.end()
  const [response] = await once(request, 'response')
  response.resume()
  return response.statusCode
}
