/**
 * The demo on Node: `npm run start`.
 *
 * @module
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createAdaptorServer } from '@hono/node-server'
import { runServer } from './server.ts'

await runServer(`Node ${process.versions.node}`, async ({ fetch, hostname, port }) => {
  const server = createAdaptorServer({
    async fetch(request) {
      const response = await fetch(request)
      // Or a client that keeps its connection open would hold up the end.
      if (!server.listening) response.headers.set('connection', 'close')
      return response
    },
  })
  server.listen(port, hostname)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => new Promise((resolve) => server.close(resolve)),
  }
})
