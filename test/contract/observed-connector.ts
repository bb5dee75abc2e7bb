/**
 * Looks at the connections that the core opens, and has a ROLLBACK fail, which no driver does on demand. Everything else
 * is the real driver.
 *
 * @module
 */
import type { Connection, Connector, Role } from 'unbusy'
import type { CaseContext } from './case.ts'
import { connectorTo } from './matrix.ts'

/** One physical connection that was opened. */
export interface ObservedConnection {
  readonly role: Role
  isClosed: boolean
}

export interface ObservedConnector {
  readonly connector: Connector
  /** In the order in which they were opened. */
  readonly opened: readonly ObservedConnection[]
  /** Has the next ROLLBACK of any connection throw, and not run. */
  failNextRollback(): void
}

/** The connector of a case, on its file, under observation. */
export async function observedConnector({ connector: name, path }: CaseContext): Promise<ObservedConnector> {
  const connector = await connectorTo(name, path)
  const opened: ObservedConnection[] = []
  let rollbacksToFail = 0
  const rollback = (): never => {
    rollbacksToFail--
    throw new Error('the disk is gone')
  }
  const connect: Connector['connect'] = async (role, settings) => {
    const connection = await connector.connect(role, settings)
    const observed = { role, isClosed: false }
    opened.push(observed)
    const close = (): ReturnType<Connection['close']> => {
      observed.isClosed = true
      return connection.close()
    }
    return new Proxy(connection, {
      get(target, key) {
        if (key === 'close') return close
        if (key === 'rollback' && rollbacksToFail > 0) return rollback
        // The target is the receiver: its private fields are not the proxy's.
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return {
    connector: { ...connector, connect },
    opened,
    failNextRollback: () => {
      rollbacksToFail++
    },
  }
}
