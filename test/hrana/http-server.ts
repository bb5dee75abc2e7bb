/**
 * The addresses of the server: the pipeline of Hrana, sqld's few pages of plain text, and the controls of the tests.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { control } from './control.ts'
import { send, servePipeline } from './pipeline.ts'
import type { ServerCore } from './server-core.ts'

const pages: Readonly<Record<string, string>> = {
  '/v2': 'Hello, this is HTTP API v2 (Hrana over HTTP)',
  '/v3': 'Hello, this is HTTP API v2 (Hrana over HTTP)',
  '/health': '',
  '/version': 'hrana test server',
}

export function createHttpServer(core: ServerCore): Server {
  return createServer((request, response) => {
    answer(core, request, response).catch((error) => {
      if (!response.headersSent)
        send(response, 500, JSON.stringify({ error: String(error) }), 'application/json')
    })
  })
}

async function answer(core: ServerCore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  if (path.startsWith('/__')) return control(core, path, request, response)
  const page = pages[path]
  if (request.method === 'GET' && page !== undefined) return send(response, 200, page, 'text/plain')
  const version = path === '/v2/pipeline' ? 2 : path === '/v3/pipeline' ? 3 : undefined
  if (request.method !== 'POST' || version === undefined) return send(response, 404, '', 'text/plain')
  const { authorization } = request.headers
  if (!core.isAllowed(/^bearer (.*)$/i.exec(authorization ?? '')?.[1])) {
    const reason =
      authorization === undefined ? 'Expected authorization header but none given' : 'The JWT is invalid'
    return send(response, 401, JSON.stringify({ error: `Unauthorized: \`${reason}\`` }), 'application/json')
  }
  return servePipeline(core, request, response, version)
}
