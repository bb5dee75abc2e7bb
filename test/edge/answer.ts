/**
 * How an isolate with contract cases is talked to: `GET` lists them, `POST` with a title runs one.
 *
 * @module
 */
import type { cases as Cases, runCase as RunCase } from './case.ts'
import { type Place, startCase } from './place.ts'

/** What a list of cases exports. */
export interface CaseList {
  readonly cases: typeof Cases
  readonly runCase: typeof RunCase
}

/** Answers a request; the case that it asks for runs on these databases. */
export async function answer(
  request: Request,
  { cases, runCase }: CaseList,
  places: readonly Place[],
): Promise<Response> {
  if (request.method === 'GET') return Response.json([...cases.keys()])
  const it = cases.get(await request.text())
  if (it === undefined) return new Response('No such case', { status: 404 })
  await startCase(places)
  return Response.json(await runCase(it))
}
