/**
 * Runs contract cases inside workerd: `GET` lists them, `POST` with a title runs one.
 *
 * @module
 */
import type { D1DatabaseLike } from 'unbusy/d1'
import { startCase } from './database.ts'

export default {
  async fetch(request: Request, env: Readonly<Record<string, D1DatabaseLike>>): Promise<Response> {
    // Not at the start: `expect` makes timers while it loads, which workerd allows in a request only.
    const { cases, runCase } = await import('./cases.ts')
    if (request.method === 'GET') return Response.json([...cases.keys()])
    const it = cases.get(await request.text())
    if (it === undefined) return new Response('No such case', { status: 404 })
    await startCase(Object.values(env))
    return Response.json(await runCase(it))
  },
}
