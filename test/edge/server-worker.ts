/**
 * Runs contract cases inside workerd, on a libSQL server.
 *
 * @module
 */
import { answer } from './answer.ts'
import { serverPlace } from './server-place.ts'

export default {
  async fetch(request: Request, { SERVER_URL }: { readonly SERVER_URL: string }): Promise<Response> {
    const place = serverPlace(SERVER_URL)
    // A case that asks for another database gets this one, emptied. The import is late for the reason told in worker.ts.
    return answer(request, await import('./server-cases.ts'), [place, place, place])
  },
}
