/**
 * Looks at the physical connections that the core opens.
 *
 * @module
 */
import type { Connector, Role } from 'unbusy'
import type { CaseContext } from './case.ts'
import { type FailingConnector, failingConnector } from './failing-connector.ts'

/** One physical connection that was opened. */
export interface ObservedConnection {
  readonly role: Role
  isClosed: boolean
}

export interface ObservedConnector extends FailingConnector {
  /** In the order in which they were opened. */
  readonly opened: readonly ObservedConnection[]
}

/** The connector of a case, on its file, under observation. */
export async function observedConnector(context: CaseContext): Promise<ObservedConnector> {
  const { connector, failNext } = await failingConnector(context)
  const opened: ObservedConnection[] = []
  const connect: Connector['connect'] = async (role, settings) => {
    const connection = await connector.connect(role, settings)
    const observed = { role, isClosed: false }
    opened.push(observed)
    const close = connection.close.bind(connection)
    connection.close = () => {
      observed.isClosed = true
      return close()
    }
    return connection
  }
  return { connector: { ...connector, connect }, failNext, opened }
}
