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

/**
 * Node forgets the signal of a request that was collected as garbage: its answer could stop in the middle, and nothing would
 * end it.
 */
const underWay = new Set<Request>()

/** Requests made with `send` end after `timeoutMs`, whatever of the answer has come by then. */
export function fetchOnce(send: Fetch, timeoutMs: number): (request: Request) => Promise<Response> {
  const isDeno = 'Deno' in globalThis
  return async (request) => {
    const { url, method, headers } = request
    const ending = new AbortController()
    const options = { signal: ending.signal, redirect: 'manual' } as const
    const toSend =
      isDeno && request.body !== null
        ? new Request(url, { ...options, method, headers, body: await request.blob() })
        : new Request(request, options)
    underWay.add(toSend)
    try {
      const whole = completeAnswer(send, toSend)
      const answer = await answeredWithin(timeoutMs, 'The server', whole, (reason) => ending.abort(reason))
      return await readableAnswer(answer, url)
    } catch (error) {
      throw withReason(error)
    } finally {
      underWay.delete(toSend)
    }
  }
}

/** The answer with all of its body: one that stops in the middle is as late as one that does not begin. */
async function completeAnswer(send: Fetch, request: Request): Promise<Response> {
  const answer = await send(request)
  const body = await answer.arrayBuffer()
  const headers = new Headers(answer.headers)
  // It is decoded.
  headers.delete('content-encoding')
  // Nobody can make an answer with a status beyond, although servers send what they like.
  return new Response(body.byteLength === 0 ? null : body, { status: Math.min(answer.status, 599), headers })
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
