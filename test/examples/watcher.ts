/**
 * Those who watch the demo: over server-sent events, and over a WebSocket.
 *
 * @module
 */
import { once } from 'node:events'
import type { ReadableStreamDefaultReader } from 'node:stream/web'
import WebSocket from 'ws'
import { type Demo, demoToken } from './demo-server.ts'

/** An event as it arrived. */
export interface Received {
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it expects
  readonly data: any
}

/** Collects what arrives. */
export class Watcher implements AsyncDisposable {
  readonly received: Received[] = []
  readonly #close: () => void
  #isOver = false
  #onNews: () => void = () => {}

  constructor(close: () => void) {
    this.#close = close
  }

  add(event: Received): void {
    this.received.push(event)
    this.#onNews()
  }

  end(): void {
    this.#isOver = true
    this.#onNews()
  }

  /** Resolves with the first event that fits, those that arrived already included. */
  first(fits: (event: Received) => boolean): Promise<Received> {
    return this.#until('no such event arrived', () => this.received.find(fits))
  }

  /** Resolves once the server has ended it. */
  ended(): Promise<true> {
    return this.#until('the server did not end it', () => this.#isOver || undefined)
  }

  #until<T>(complaint: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`${complaint}; received: ${JSON.stringify(this.received).slice(0, 2_000)}`))
      }, 10_000)
      this.#onNews = () => {
        const found = look()
        if (found === undefined) return
        clearTimeout(deadline)
        resolve(found)
      }
      this.#onNews()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }
}

/** Watches `GET /v1/events`; resolves once that has begun. */
export async function watchEvents(demo: Demo, path = '/v1/events'): Promise<Watcher> {
  const { body } = await fetch(`${demo.url}${path}`, { headers: { authorization: `Bearer ${demoToken}` } })
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  // Not by an AbortSignal: on Deno 2.9 the connection now and then stays open after it.
  const watcher = new Watcher(() => void reader.cancel().catch(() => {}))
  void readEvents(reader, watcher).catch(() => watcher.end())
  return watcher
}

async function readEvents(reader: ReadableStreamDefaultReader<Uint8Array>, watcher: Watcher): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    text += decoder.decode(chunk.value, { stream: true })
    const messages = text.split('\n\n')
    text = messages.pop() ?? ''
    for (const message of messages) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(message) ?? []
      if (event !== undefined && data !== undefined) watcher.add({ event, data: JSON.parse(data) })
    }
  }
  watcher.end()
}

/** A WebSocket that is open, or was. */
export interface UpdatesSocket extends AsyncDisposable {
  readonly watcher: Watcher
  /** A text as it is, anything else as JSON. */
  send(message: unknown): void
  /** Why it was closed, once it is. */
  closeCode(): number | undefined
}

/** Opens `GET /v1/updates`, as a machine does or as nobody. `send` sends a heartbeat. */
export async function openUpdates(demo: Demo, query = ''): Promise<UpdatesSocket> {
  const socket = new WebSocket(`${demo.url.replace('http', 'ws')}/v1/updates${query}`, {
    headers: { authorization: `Bearer ${demoToken}` },
  })
  const watcher = new Watcher(() => socket.close())
  socket.on('message', (data) => watcher.add(JSON.parse(String(data))))
  let closeCode: number | undefined
  socket.on('close', (code) => {
    closeCode = code
    watcher.end()
  })
  await once(socket, 'open')
  return {
    watcher,
    closeCode: () => closeCode,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose](),
  }
}
