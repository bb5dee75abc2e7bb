/**
 * The demo on Bun: `npm run start:bun`, or `bun run` of this file.
 *
 * @module
 */
import { upgradeWebSocket, websocket } from 'hono/bun'
import { runServer } from './server.ts'
import { maxMessageBytes } from './socket-messages.ts'

await runServer({
  runtime: `Bun ${Bun.version}`,
  upgradeWebSocket,
  listen({ fetch, hostname, port }) {
    const server = Bun.serve({
      fetch: (request, server) => fetch(withHost(request), { server }),
      websocket: { ...websocket, maxPayloadLength: maxMessageBytes },
      hostname,
      port,
      // A request may wait for the lock for most of the 10 s after which Bun, by default, drops a silent connection.
      idleTimeout: 60,
    })
    return { port: server.port ?? port, stop: () => server.stop() }
  },
})

/** The URL of a request that names no host, as the health checks of some load balancers do, is a path: no router reads it. */
function withHost(request: Request): Request {
  return URL.canParse(request.url) ? request : new Request(`http://localhost${request.url}`, request)
}
