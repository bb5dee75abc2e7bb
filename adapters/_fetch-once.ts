/**
 * A `fetch` that sends a request at most once, to one host, and not for ever.
 *
 * Deno 2.9 sends a POST whose connection was cut a second time by itself, body and all, and says nothing (measured: one
 * `fetch`, two requests at the server). A write whose answer was lost would be applied twice. What is read as it is sent
 * cannot be sent again, so there the body is a blob: of a stream nobody knows the length beforehand, and it goes in chunks,
 * which proxies of HTTP/1.0 do not know and some gateways refuse (411).
 *
 * A redirect is an error everywhere: a POST may become a GET by it, and the request has the token with it.
 *
 * @module
 */
import { readableAnswer } from './_error-answer.ts'
import { answeredWithin } from './_request-timeout.ts'

/** What sends a request. A `fetch` of the user may look at its first argument alone, and answer when it likes. */
export type Fetch = (request: Request) => Promise<Response>

/** Requests made with `send` end after `timeoutMs`. */
export function fetchOnce(send: Fetch, timeoutMs: number): (request: Request) => Promise<Response> {
  const isDeno = 'Deno' in globalThis
  return async (request) => {
    const { url, method, headers } = request
    const options = { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' } as const
    const toSend =
      isDeno && request.body !== null
        ? new Request(url, { ...options, method, headers, body: await request.blob() })
        : new Request(request, options)
    try {
      return await readableAnswer(await answeredWithin(timeoutMs, 'The server', send(toSend)), url)
    } catch (error) {
      throw withReason(error)
    }
  }
}

/** Node and Deno say no more than `fetch failed`: why is behind it, and Node has what a proxy said and many tries deeper. */
function withReason(error: unknown): unknown {
  if (!(error instanceof TypeError) || error.message !== 'fetch failed') return error
  let last: Partial<AggregateError> = error
  while (last.cause instanceof Error) last = last.cause
  const { message, errors } = last
  const reason = message || errors?.[0]?.message
  if (reason && last !== error) error.message += `: ${reason}`
  return error
}
