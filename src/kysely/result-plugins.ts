/**
 * The way of a result through Kysely's plugins, the same for every query that does not take Kysely's own way.
 *
 * @module
 */
import type { CompiledQuery, KyselyPlugin, QueryResult } from 'kysely'

/** What the plugins make of a result, one after the other, as in Kysely's `executeQuery`. */
export async function throughPlugins(
  plugins: readonly KyselyPlugin[],
  { queryId }: Pick<CompiledQuery, 'queryId'>,
  result: QueryResult<unknown>,
): Promise<QueryResult<unknown>> {
  let transformed = result
  for (const plugin of plugins) {
    // biome-ignore lint/suspicious/noExplicitAny: a plugin may make of the rows what it likes
    const given = transformed as QueryResult<any>
    transformed = await plugin.transformResult({ queryId, result: given })
  }
  return transformed
}
