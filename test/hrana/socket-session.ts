/**
 * One connection of Hrana over WebSocket: many streams, each with its requests in order.
 *
 * @module
 */
import type { WebSocket } from 'ws'
import type { Fault } from './faults.ts'
import { HranaError, ProtocolError, programTypes, readMessage, type StreamRequest } from './protocol.ts'
import type { ServerCore } from './server-core.ts'
import { StoredTexts, socketStoreLimits } from './stored-texts.ts'
import { Stream } from './stream.ts'

type SocketRequest = { readonly stream_id: number } & (
  | StreamRequest
  | { readonly type: 'open_stream' }
  | { readonly type: 'close_stream' }
)

type ClientMessage =
  | { readonly type: 'hello'; readonly jwt?: string | null }
  | { readonly type: 'request'; readonly request_id: number; readonly request: SocketRequest }

const helloErrorDelayMs = 50

export class SocketSession {
  readonly #core: ServerCore
  readonly #socket: WebSocket
  readonly #version: 2 | 3
  readonly #texts = new StoredTexts(socketStoreLimits)
  readonly #streams = new Map<number, { readonly stream: Stream; last: Promise<void> }>()
  #allowed = false
  #isRefused = false

  constructor(core: ServerCore, socket: WebSocket) {
    this.#core = core
    this.#socket = socket
    this.#version = socket.protocol === 'hrana3' ? 3 : 2
  }

  receive(text: string): void {
    let message: ClientMessage
    try {
      message = readMessage(text)
    } catch {
      this.#socket.close(1007, 'Cannot deserialize client message from JSON')
      return
    }
    if (message.type === 'hello') this.#hello(message.jwt ?? undefined)
    else if (this.#isRefused) this.#socket.terminate()
    else if (!this.#allowed) this.#socket.close(1008, 'Received a request before hello message')
    else {
      this.#core.record('websocket', message.request)
      this.#take(message.request_id, message.request).catch(() => this.#socket.terminate())
    }
  }

  close(): void {
    for (const { stream } of this.#streams.values()) stream.close()
    this.#streams.clear()
  }

  #hello(token: string | undefined): void {
    this.#allowed = this.#core.isAllowed(token)
    if (this.#allowed) {
      this.#send({ type: 'hello_ok' })
      return
    }
    const error = { message: 'Authentication failed: The JWT is invalid', code: 'AUTH_JWT_INVALID' }
    // sqld cuts a client that has sent requests behind its hello, as all do: that one never sees the reason.
    setTimeout(() => {
      this.#send({ type: 'hello_error', error })
      this.#socket.close(1000, 'Thank you for using the test server')
    }, helloErrorDelayMs)
    this.#isRefused = true
  }

  /** What belongs to a stream waits for what came before it there; the rest is done at once. */
  async #take(id: number, request: SocketRequest): Promise<void> {
    if (request.type === 'open_stream') {
      if (this.#streams.has(request.stream_id)) throw new ProtocolError('The stream is open')
      const stream = new Stream(this.#core, this.#texts)
      this.#streams.set(request.stream_id, { stream, last: Promise.resolve() })
      return this.#ok(id, { type: 'open_stream' })
    }
    if (request.type === 'store_sql' || request.type === 'close_sql') return this.#text(id, request)
    const entry = this.#streams.get(request.stream_id)
    if (entry === undefined) throw new ProtocolError('The stream is not open')
    if (request.type === 'close_stream') {
      this.#streams.delete(request.stream_id)
      entry.last = entry.last.then(() => {
        entry.stream.close()
        this.#ok(id, { type: 'close_stream' })
      })
    } else entry.last = entry.last.then(() => this.#run(id, request, entry.stream))
    return entry.last
  }

  #text(id: number, request: Extract<StreamRequest, { type: 'store_sql' | 'close_sql' }>): void {
    try {
      if (request.type === 'store_sql') this.#texts.store(request.sql_id, request.sql)
      else this.#texts.drop(request.sql_id)
      this.#ok(id, { type: request.type })
    } catch (error) {
      this.#failed(id, error)
    }
  }

  async #run(id: number, request: StreamRequest, stream: Stream): Promise<void> {
    const fault = programTypes.has(request.type) ? this.#nextFault(request) : undefined
    if (await this.#interferes(fault, 'before')) return
    if (fault?.kind === 'restart' || fault?.kind === 'expire') return this.#core.restart()
    if (fault?.kind === 'transaction-timeout') this.#core.lock.forceTimeout()
    try {
      if (fault?.kind === 'error') throw new HranaError(fault.code, fault.message)
      const response = await stream.respond(request, this.#version)
      if (await this.#interferes(fault, 'after')) return
      if (fault?.kind === 'garbage') return this.#sendGarbage(fault.isUtf8)
      this.#ok(id, response)
    } catch (error) {
      this.#failed(id, error)
    }
  }

  #nextFault(request: StreamRequest): Fault | undefined {
    this.#core.counts.roundTrips++
    const fault = this.#core.faults.next(JSON.stringify(request))
    if (fault !== undefined) this.#core.counts.faults++
    return fault
  }

  /** Whether the connection was cut. */
  async #interferes(fault: Fault | undefined, when: 'before' | 'after'): Promise<boolean> {
    if (fault === undefined || !('when' in fault) || fault.when !== when) return false
    if (fault.kind === 'delay') {
      await new Promise((resolve) => setTimeout(resolve, fault.ms))
      return this.#socket.readyState !== this.#socket.OPEN
    }
    this.#socket.terminate()
    return true
  }

  #ok(id: number, response: object): void {
    this.#send({ type: 'response_ok', request_id: id, response })
  }

  #failed(id: number, error: unknown): void {
    if (!(error instanceof HranaError)) throw error
    this.#send({ type: 'response_error', request_id: id, error: error.toWire() })
  }

  #sendGarbage(isUtf8 = true): void {
    const page = isUtf8 ? '<html>A proxy was here</html>' : new Uint8Array([0xff, 0xfe])
    this.#socket.send(page, { binary: false })
  }

  #send(message: object): void {
    this.#socket.send(JSON.stringify(message))
  }
}
