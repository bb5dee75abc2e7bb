/**
 * What only tests ask of the server, under addresses that no client uses: faults, counters, the record of requests.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { send } from './pipeline.ts'
import type { ServerCore } from './server-core.ts'

/** Answers `/__faults`, `/__counts`, `/__requests`, `/__restart`, `/__timeout` or `/__reset`. */
export async function control(
  core: ServerCore,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await jsonOf(request)
  switch (path) {
    case '/__faults':
      core.faults.plan(body)
      return reply(response, {})
    case '/__counts':
      return reply(response, {
        ...core.counts,
        openStreams: core.openStreams,
        waitingForLock: core.lock.waitingCount,
      })
    case '/__requests':
      return reply(response, core.requests)
    case '/__restart':
      core.restart()
      return reply(response, {})
    case '/__timeout':
      core.lock.forceTimeout()
      return reply(response, {})
    case '/__reset':
      core.reset()
      return reply(response, {})
    default:
      return send(response, 404, '', 'text/plain')
  }
}

function reply(response: ServerResponse, value: unknown): void {
  send(response, 200, JSON.stringify(value), 'application/json')
}

async function jsonOf(request: IncomingMessage): Promise<object> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? {} : JSON.parse(text)
}
