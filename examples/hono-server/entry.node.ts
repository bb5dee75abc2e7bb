/**
 * The demo on Node: `npm run start`.
 *
 * @module
 */
import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createAdaptorServer, type HttpBindings, upgradeWebSocket } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import { runServer } from './server.ts'
import { maxMessageBytes, updatesPath } from './socket-messages.ts'

/** What the adapter takes; under `exactOptionalPropertyTypes` the types of `ws` do not fit, the objects do. */
type SocketServer = NonNullable<Parameters<typeof createAdaptorServer>[0]['websocket']>['server']

await runServer({
  runtime: `Node ${process.versions.node}`,
  upgradeWebSocket,
  async listen({ fetch, hostname, port }) {
    const sockets = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes })
    const server = createAdaptorServer({
      async fetch(request, env) {
        const response = await fetch(request, env)
        forgetBody((env as HttpBindings).incoming)
        // Or a client that keeps its connection open would hold up the end.
        if (!server.listening) response.headers.set('connection', 'close')
        return response
      },
      // Of a request that names no host, as the health checks of some load balancers do: without this it is refused.
      hostname: 'localhost',
      websocket: { server: sockets as unknown as SocketServer },
      // What asks for h2c, as HTTP/2 clients do at first, or for a WebSocket where there is none, is a request like any
      // other: else Node waits for somebody to upgrade it, and it is never answered, or the adapter answers it as a GET
      // without a body. Node 22.21 and later.
      serverOptions: {
        shouldUpgradeCallback: ({ method, url, headers }) =>
          method === 'GET' &&
          URL.parse(url ?? '', 'http://localhost')?.pathname === updatesPath &&
          headers.upgrade?.toLowerCase() === 'websocket',
      },
    })
    server.listen(port, hostname)
    await once(server, 'listening')
    return {
      port: (server.address() as AddressInfo).port,
      stop: () => stop(server as Server),
    }
  },
})

/**
 * Reads what is left of a body that nobody wanted, a refused one say. The adapter tries, but a stream that was looked at stays
 * paused: it would never answer what the client asks next, and hang up on it half a second later.
 */
function forgetBody(incoming: IncomingMessage): void {
  if (!incoming.readableEnded && incoming.method !== 'GET') incoming.removeAllListeners('data').resume()
}

/** Node hangs up on connections that are idle at that moment; that of an event stream, say, is so only a little later. */
async function stop(server: Server): Promise<void> {
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(idle)
}
