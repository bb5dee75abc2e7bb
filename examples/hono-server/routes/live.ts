/**
 * Presence in, events out: heartbeats as lists over HTTP or one by one over a WebSocket, and what happens to those who
 * watch, over the same WebSocket or as server-sent events.
 *
 * @module
 */
import { Hono, type MiddlewareHandler } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { UpgradeWebSocket, WSContext } from 'hono/ws'
import { FileReplacedError, LockTimeoutError, OutcomeUnknownError } from 'unbusy'
import type { SentEvent, Subscription } from '../event-hub.ts'
import { waitedFor } from '../failures.ts'
import * as inputs from '../inputs.ts'
import type { Services } from '../services.ts'
import { bufferedBytesOf, closeAsTooLarge, isTooLarge, sendTo, updatesPath } from '../socket-messages.ts'
import { bodyOf, InvalidParamsError, jsonOf, queryOf } from '../validation.ts'
import { notFound } from './not-found.ts'

/** While more than this waits in the socket, in bytes, nothing more is sent: the backlog is the hub's to bound. */
const maxBufferedBytes = 1024 * 1024
const bufferPollMs = 50

/** `POST /v1/presence`, `GET /v1/events` and `GET /v1/updates`. */
export function liveRoutes(
  { presence, hub, lostFiles, machineSockets }: Services,
  upgradeWebSocket: UpgradeWebSocket,
): Hono {
  const app = new Hono()

  app.post('/v1/presence', async (c) => {
    const { heartbeats } = await bodyOf(c, inputs.presenceBody)
    return c.json(await presence.record(heartbeats, Date.now()))
  })

  app.get('/v1/events', (c) => {
    // Nobody would read the stream, and nobody would end it.
    if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' })
    return streamSSE(c, async (stream) => {
      const subscription = hub.subscribe(() => stream.abort())
      stream.onAbort(() => subscription.end())
      // Something at once, or a browser does not call the stream open.
      await stream.write('retry: 1000\n\n')
      for await (const events of unreadOf(subscription)) await stream.write(events.map(sseText).join(''))
    })
  })

  const updates = upgradeWebSocket((c) => {
    const { machineId } = queryOf(c, inputs.updatesQuery)
    let subscription: Subscription | undefined
    let disconnect: (() => void) | undefined
    const end = (): void => {
      subscription?.end()
      disconnect?.()
    }
    return {
      onOpen(_event, socket) {
        subscription = hub.subscribe()
        void sendAll(subscription, socket)
        if (machineId !== undefined) disconnect = machineSockets.connect(machineId)
      },
      onMessage: async ({ data }, socket) => {
        if (isTooLarge(data)) return closeAsTooLarge(socket)
        try {
          const heartbeat = jsonOf(String(data), inputs.heartbeat, 'the message')
          await presence.record([heartbeat], Date.now())
        } catch (error) {
          lostFiles.notice(error)
          sendTo(socket, { event: 'error', json: JSON.stringify(failureOf(error)) })
        }
      },
      onClose: end,
      onError: end,
    }
  })
  /** A socket of a machine that does not exist, or must not connect any more, is refused before it opens. */
  const requireMachine: MiddlewareHandler = async (c, next) => {
    const { machineId } = queryOf(c, inputs.updatesQuery)
    if (machineId === undefined) return next()
    await presence.machines.lookUp([machineId], Date.now())
    const entry = presence.machines.directory.get(machineId)
    if (entry === undefined) return notFound(c, 'Machine not found')
    return entry.isClosed ? c.json({ error: 'machine_revoked' }, 410) : next()
  }
  app.get(updatesPath, requireUpgrade, requireMachine, updates)
  return app
}

async function* unreadOf(subscription: Subscription): AsyncGenerator<readonly SentEvent[]> {
  try {
    for (let events = await subscription.take(); events !== undefined; events = await subscription.take())
      yield events
  } finally {
    subscription.end()
  }
}

async function sendAll(subscription: Subscription, socket: WSContext): Promise<void> {
  for await (const events of unreadOf(subscription)) {
    for (const event of events) sendTo(socket, event)
    while (!subscription.isOver && bufferedBytesOf(socket) > maxBufferedBytes)
      await new Promise((resolve) => setTimeout(resolve, bufferPollMs))
  }
  socket.close(1001, 'start again')
}

function sseText({ event, json }: SentEvent): string {
  return `event: ${event}\ndata: ${json}\n\n`
}

function failureOf(error: unknown): { readonly error: string; readonly reason?: string } {
  if (error instanceof InvalidParamsError) return { error: 'invalid-params', reason: error.message }
  if (error instanceof LockTimeoutError)
    return { error: 'busy', reason: `${waitedFor(error)}; the end was not stored: send it again` }
  if (error instanceof OutcomeUnknownError)
    return { error: 'outcome-unknown', reason: 'the answer of the database was lost; send the end again' }
  if (error instanceof FileReplacedError)
    return { error: 'unavailable', reason: 'the database was deleted or replaced; nothing is stored' }
  console.error('A heartbeat failed:', error)
  return { error: 'internal' }
}

/** Half a handshake (RFC 6455, 4.1) is refused here: each runtime has an answer of its own to it, up to 500. */
const requireUpgrade: MiddlewareHandler = async (c, next) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
    return c.json({ error: 'upgrade-required', reason: 'this is a WebSocket' }, 426, { upgrade: 'websocket' })
  if (!/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(c.req.header('connection') ?? ''))
    throw new InvalidParamsError('the header connection must be that of a WebSocket handshake: upgrade')
  if (!/^[\w+/]{22}==$/.test(c.req.header('sec-websocket-key') ?? ''))
    throw new InvalidParamsError('the header sec-websocket-key must be that of a WebSocket handshake')
  return next()
}
