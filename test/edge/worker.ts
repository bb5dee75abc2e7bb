/**
 * Runs contract cases inside workerd, on its D1.
 *
 * @module
 */
import type { D1DatabaseLike } from 'unbusy/d1'
import { answer } from './answer.ts'
import { d1Place } from './d1-place.ts'

export default {
  async fetch(request: Request, env: Readonly<Record<string, D1DatabaseLike>>): Promise<Response> {
    // Not at the start: `expect` makes timers while it loads, which workerd allows in a request only.
    return answer(request, await import('./cases.ts'), Object.values(env).map(d1Place))
  },
}
