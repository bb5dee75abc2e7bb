/**
 * The demo on Bun: `npm run start:bun`, or `bun run` of this file.
 *
 * @module
 */
import { runServer } from './server.ts'

await runServer(`Bun ${Bun.version}`, ({ fetch, hostname, port }) => {
  // A request may wait for the lock for most of the 10 s after which Bun, by default, drops a silent connection.
  const server = Bun.serve({ fetch: (request) => fetch(request), hostname, port, idleTimeout: 60 })
  return { port: server.port ?? port, stop: () => server.stop() }
})
