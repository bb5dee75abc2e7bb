/**
 * The connectors that a bench can run on, and the runtime that each needs.
 *
 * @module
 */
import type { Connector } from 'unbusy'

export type RuntimeName = 'node' | 'bun'

interface BenchedConnector {
  /** In the order of preference. */
  readonly runtimes: readonly RuntimeName[]
  open(url: string): Promise<Connector>
}

const connectors: Readonly<Record<string, BenchedConnector>> = {
  'better-sqlite3': {
    runtimes: ['node'],
    open: async (url) => (await import('unbusy/better-sqlite3')).betterSqlite3({ url }),
  },
  'node-sqlite': {
    runtimes: ['node'],
    open: async (url) => (await import('unbusy/node-sqlite')).nodeSqlite({ url }),
  },
  'bun-sqlite': {
    runtimes: ['bun'],
    open: async (url) => (await import('unbusy/bun-sqlite')).bunSqlite({ url }),
  },
  libsql: {
    runtimes: ['node', 'bun'],
    open: async (url) => (await import('unbusy/libsql')).libsql({ url }),
  },
}

export const connectorNames: readonly string[] = Object.keys(connectors)

/** The connector of this name on one file. */
export function connectorOf(name: string, url: string): Promise<Connector> {
  return named(name).open(url)
}

/** The runtimes that have the driver of this connector. */
export function runtimesOf(name: string): readonly RuntimeName[] {
  return named(name).runtimes
}

function named(name: string): BenchedConnector {
  const connector = connectors[name]
  if (connector !== undefined) return connector
  throw new RangeError(`Cannot run connector ${name}: it must be one of ${connectorNames.join(', ')}`)
}
