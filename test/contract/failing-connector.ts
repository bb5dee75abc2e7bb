/**
 * The real driver, but for single calls that fail on demand: what no database does when a test asks for it.
 *
 * @module
 */
import type { Connection, Connector, Role } from 'unbusy'
import type { CaseContext } from './case.ts'
import { connectorTo } from './matrix.ts'

export interface FailingConnector {
  readonly connector: Connector
  /** Has the next such call on a connection of this role throw, and not run. */
  failNext(role: Role, method: 'begin' | 'commit' | 'rollback'): void
}

/** The connector of a case, on its file. */
export async function failingConnector({ connector: name, path }: CaseContext): Promise<FailingConnector> {
  const connector = await connectorTo(name, path)
  const failures = new Set<string>()
  const wrap = (connection: Connection, role: Role): Connection =>
    new Proxy(connection, {
      get(target, key) {
        // The target is the receiver: its private fields are not the proxy's.
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        if (!failures.delete(`${role} ${String(key)}`)) return value.bind(target)
        return () => {
          throw new Error(`the ${String(key)} failed`)
        }
      },
    })
  return {
    connector: {
      ...connector,
      connect: async (role, settings) => wrap(await connector.connect(role, settings), role),
    },
    failNext: (role, method) => failures.add(`${role} ${method}`),
  }
}
