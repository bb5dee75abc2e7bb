/**
 * Which connectors must hold the contract on the runtime that this runs on. The cases are data and run over all of them.
 *
 * @module
 */
import type { Connector } from 'unbusy'

export type ConnectorName = 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite' | 'libsql'
export type RuntimeName = 'node' | 'bun' | 'deno'

export const runtime: RuntimeName = 'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'

export const matrix: Readonly<Record<RuntimeName, readonly ConnectorName[]>> = {
  node: ['better-sqlite3', 'node-sqlite', 'libsql'],
  bun: ['bun-sqlite', 'libsql'],
  deno: ['node-sqlite', 'libsql'],
}

/** The connectors of this runtime; `CONNECTORS=libsql` narrows them for a look at one. */
export const connectorNames: readonly ConnectorName[] = matrix[runtime].filter(
  (name) => process.env.CONNECTORS?.split(',').includes(name) ?? true,
)

/** A connector by name. Imports only that adapter: the packages of the others may not load on this runtime. */
export async function connectorTo(name: ConnectorName, url: string): Promise<Connector> {
  switch (name) {
    case 'better-sqlite3':
      return (await import('unbusy/better-sqlite3')).betterSqlite3({ url })
    case 'node-sqlite':
      return (await import('unbusy/node-sqlite')).nodeSqlite({ url })
    case 'bun-sqlite':
      return (await import('unbusy/bun-sqlite')).bunSqlite({ url })
    case 'libsql':
      return (await import('unbusy/libsql')).libsql({ url })
  }
}
