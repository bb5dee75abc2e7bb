/**
 * Which connectors must hold the contract on the runtime that this runs on. The cases are data and run over all of them.
 *
 * @module
 */
import type { Connector } from 'unbusy'
import { wrap, wrappedDialects } from './wrapped-dialects.ts'

/** Connectors of tier A, whose database is a file. */
export type LocalConnectorName = 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite' | 'libsql'
export type ConnectorName = LocalConnectorName | 'libsql-server'
export type RuntimeName = 'node' | 'bun' | 'deno'

export const runtime: RuntimeName = 'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'

export const matrix: Readonly<Record<RuntimeName, readonly LocalConnectorName[]>> = {
  node: ['better-sqlite3', 'node-sqlite', 'libsql'],
  bun: ['bun-sqlite', 'libsql'],
  deno: ['node-sqlite', 'libsql'],
}

/** `WRAP_DIALECTS=1` runs the cases over kyselyDialect() and the dialects that are wrapped here, in the place of each connector. */
const wrapsDialects: boolean = process.env.WRAP_DIALECTS === '1'

const wanted = process.env.CONNECTORS?.split(',')

/** Those of this runtime, but for what `CONNECTORS` leaves out. */
export const localConnectorNames: readonly LocalConnectorName[] = matrix[runtime].filter(
  (name) =>
    (wanted?.includes(name) ?? true) &&
    (!wrapsDialects || wrappedDialects.some(({ engine }) => engine === name)),
)

/**
 * The connectors of this runtime; `CONNECTORS=libsql` narrows them for a look at one. A server is asked for by name, as
 * `npm run test:remote` does: it needs a process of its own.
 */
export const connectorNames: readonly ConnectorName[] = wanted?.includes('libsql-server')
  ? ['libsql-server']
  : localConnectorNames

/** How the cases of this file reach their server. */
let server: { readonly url: string; readonly authToken?: string } = { url: 'http://nobody.invalid' }

/** Makes this the server of the cases that follow: the context of a case knows its file alone, where there is one. */
export function serveAt(address: typeof server): void {
  server = address
}

/** A connector by name. Imports only that adapter: the packages of the others may not load on this runtime. */
export async function connectorTo(name: ConnectorName, url: string): Promise<Connector> {
  const wrapped = wrapsDialects ? wrappedDialects.find(({ engine }) => engine === name) : undefined
  if (wrapped !== undefined) return wrap(wrapped, url)
  switch (name) {
    case 'better-sqlite3':
      return (await import('unbusy/better-sqlite3')).betterSqlite3({ url })
    case 'node-sqlite':
      return (await import('unbusy/node-sqlite')).nodeSqlite({ url })
    case 'bun-sqlite':
      return (await import('unbusy/bun-sqlite')).bunSqlite({ url })
    case 'libsql':
      return (await import('unbusy/libsql')).libsql({ url })
    case 'libsql-server': {
      const { url: address, authToken } = server
      const options = { url: address, ...(authToken !== undefined && { authToken }) }
      return (await import('unbusy/libsql')).libsql(options)
    }
  }
}
