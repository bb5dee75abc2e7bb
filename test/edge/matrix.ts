/**
 * Stands in for the contract's own matrix inside workerd.
 *
 * @module
 */
import type { Connector } from 'unbusy'
import { type EdgeConnectorName, placeOfCase } from './place.ts'

export type ConnectorName = EdgeConnectorName
export const runtime = 'workerd'
export const connectorNames: readonly ConnectorName[] = ['d1', 'libsql-web']

/** The connector of the running case, whatever file it names. */
export async function connectorTo(_name: ConnectorName, _url: string): Promise<Connector> {
  return placeOfCase().connect()
}
