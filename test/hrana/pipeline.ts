/**
 * Hrana over HTTP: one POST runs the requests of one stream in order, and answers a baton to go on with.
 *
 * @module
 */
import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StreamExpired } from './baton-table.ts'
import type { Fault } from './faults.ts'
import { HranaError, ProtocolError, programTypes, readMessage, type StreamRequest } from './protocol.ts'
import type { ServerCore } from './server-core.ts'
import { httpStoreLimits, StoredTexts } from './stored-texts.ts'
import { Stream } from './stream.ts'

interface PipelineBody {
  readonly baton?: string | null
  readonly requests: readonly StreamRequest[]
}

/** Answers `POST /v2/pipeline` or `/v3/pipeline`, or lets the fault happen that is planned for it. */
export async function servePipeline(
  core: ServerCore,
  request: IncomingMessage,
  response: ServerResponse,
  version: 2 | 3,
): Promise<void> {
  const text = await bodyOf(request)
  core.counts.roundTrips++
  const fault = core.faults.next(text)
  if (fault !== undefined) core.counts.faults++
  if (await interferes(fault, 'before', response)) return
  const isGone = (): boolean => request.socket.destroyed
  const answer = await run(core, text, { version, fault, isGone })
  if (await interferes(fault, 'after', response)) return
  if (fault?.kind === 'garbage') send(response, 200, '<html>A proxy was here</html>', 'text/html')
  else send(response, answer.status, answer.body, answer.type)
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly type: string
}

interface Exchange {
  readonly version: 2 | 3
  readonly fault: Fault | undefined
  /** Whether the client has given up. */
  isGone(): boolean
}

async function run(core: ServerCore, text: string, exchange: Exchange): Promise<Answer> {
  const { version, fault, isGone } = exchange
  let stream: Stream | undefined
  try {
    const body = parsed(text)
    core.record('http', body)
    if (fault?.kind === 'restart') core.restart()
    if (fault?.kind === 'transaction-timeout') core.lock.forceTimeout()
    if (fault?.kind === 'expire' && typeof body.baton === 'string') core.batons.expire(body.baton)
    stream =
      typeof body.baton === 'string'
        ? core.batons.take(body.baton)
        : new Stream(core, new StoredTexts(httpStoreLimits))
    const results = await resultsOf(stream, body.requests, version, fault)
    // What a client had asked before it gave up is done, and its stream is closed then: nobody can have the baton.
    if (isGone()) stream.close()
    const isClosed = isGone() || body.requests.some(({ type }) => type === 'close')
    const answer = { baton: isClosed ? null : core.batons.put(stream), base_url: null, results }
    return { status: 200, body: JSON.stringify(answer), type: 'application/json' }
  } catch (error) {
    stream?.close()
    if (error instanceof StreamExpired) {
      const body = JSON.stringify({ message: error.message, code: 'STREAM_EXPIRED' })
      return { status: 400, body, type: 'application/json' }
    }
    if (error instanceof ProtocolError) return { status: 400, body: error.message, type: 'text/plain' }
    return { status: 500, body: JSON.stringify({ error: String(error) }), type: 'application/json' }
  }
}

async function resultsOf(
  stream: Stream,
  requests: readonly StreamRequest[],
  version: 2 | 3,
  fault: Fault | undefined,
): Promise<object[]> {
  const results: object[] = []
  let failure = fault?.kind === 'error' ? new HranaError(fault.code, fault.message) : undefined
  let isClosed = false
  for (const request of requests) {
    if (isClosed && request.type !== 'close') throw new ProtocolError('Stream for this baton was closed')
    try {
      if (failure !== undefined && programTypes.has(request.type)) {
        const error = failure
        failure = undefined
        throw error
      }
      results.push({ type: 'ok', response: await stream.respond(request, version) })
    } catch (error) {
      if (!(error instanceof HranaError)) throw error
      results.push({ type: 'error', error: error.toWire() })
    }
    isClosed ||= request.type === 'close'
  }
  return results
}

function parsed(text: string): PipelineBody {
  try {
    const body = readMessage<PipelineBody>(text)
    if (Array.isArray(body.requests)) return body
  } catch {
    // Told as what it is for the client, below.
  }
  throw new ProtocolError('Cannot deserialize client message from JSON')
}

/** Whether the answer has been given, or has become impossible. */
async function interferes(
  fault: Fault | undefined,
  when: 'before' | 'after',
  response: ServerResponse,
): Promise<boolean> {
  if (fault === undefined || !('when' in fault) || fault.when !== when) return false
  if (fault.kind === 'delay') {
    await new Promise((resolve) => setTimeout(resolve, fault.ms))
    return response.destroyed
  }
  if (fault.kind === 'drop') response.socket?.destroy()
  else send(response, fault.status, fault.body ?? 'A fault on purpose', 'text/plain')
  return true
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Answers, if the client is still there. */
export function send(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { 'content-type': type }).end(body)
}
