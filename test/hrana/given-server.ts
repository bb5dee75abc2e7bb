/**
 * The libSQL server that `LIBSQL_SERVER_URL` names, with the token of `LIBSQL_SERVER_AUTH_TOKEN`: it is shared, so what
 * uses it goes one after the other, and leaves it empty.
 *
 * @module
 */
import { env } from 'node:process'

/** How a client reaches a server. */
export interface ServerAddress {
  /** With the scheme of a transport: `http:`, `https:`, `ws:`, `wss:` or `libsql:`. */
  readonly url: string
  readonly authToken?: string
}

/** The given one, `undefined` if there is none. */
export function givenServer(): ServerAddress | undefined {
  const { LIBSQL_SERVER_URL: url, LIBSQL_SERVER_AUTH_TOKEN: authToken } = env
  if (!url) return undefined
  return { url, ...(authToken && { authToken }) }
}

/** Runs statements past the library, as a stranger does, and answers the rows of the last one. */
export async function queryServer(
  address: ServerAddress,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  const { createClient } = await import('@libsql/client')
  const client = createClient({ ...address })
  try {
    let rows: Record<string, unknown>[] = []
    // Copied, as those of the client have indices as well as names.
    for (const sql of statements) rows = (await client.execute(sql)).rows.map((row) => ({ ...row }))
    return rows
  } finally {
    client.close()
  }
}
