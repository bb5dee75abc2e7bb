/**
 * How a WebSocket begins on workerd. Hono's own helper does not tell when it is open, and who watches would hear nothing.
 *
 * @module
 */
import { defineWebSocketHelper, type UpgradeWebSocket, WSContext } from 'hono/ws'

/** Workerd's own end of a pair: a WebSocket that is accepted instead of connected. */
type ServerSocket = WebSocket & { accept(): void }

declare const WebSocketPair: new () => { readonly 0: WebSocket; readonly 1: ServerSocket }

/** The `upgradeWebSocket` of workerd. */
export const upgradeWebSocket: UpgradeWebSocket<WebSocket> = defineWebSocketHelper((_context, events) => {
  const { 0: client, 1: server } = new WebSocketPair()
  const socket = new WSContext<WebSocket>({
    raw: server,
    get readyState() {
      return server.readyState as 0 | 1 | 2 | 3
    },
    send: (data) => server.send(data as string),
    close: (code, reason) => server.close(code, reason),
  })
  server.addEventListener('message', (event) => events.onMessage?.(event, socket))
  server.addEventListener('close', (event) => {
    events.onClose?.(event, socket)
    // The other end waits for the answer to its close.
    server.close()
  })
  server.addEventListener('error', (event) => events.onError?.(event, socket))
  server.accept()
  events.onOpen?.(new Event('open'), socket)
  return new Response(null, { status: 101, webSocket: client } as ResponseInit)
})
