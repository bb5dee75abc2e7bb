/**
 * The demo on Deno: `npm run start:deno`, or `deno run -A` of this file.
 *
 * @module
 */
import { upgradeWebSocket } from 'hono/deno'
import { runServer } from './server.ts'

/** The part of Deno that is used here, so that the other runtimes' type checkers can read this file. */
declare const Deno: {
  readonly version: { readonly deno: string }
  serve(
    options: { readonly hostname: string; readonly port: number; readonly onListen: () => void },
    handler: (request: Request) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> }
}

await runServer({
  runtime: `Deno ${Deno.version.deno}`,
  upgradeWebSocket,
  listen({ fetch, hostname, port }) {
    const server = Deno.serve({ hostname, port, onListen: () => {} }, (request) => fetch(request))
    return { port: server.addr.port, stop: () => server.shutdown() }
  },
})
