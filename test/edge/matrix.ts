/**
 * Stands in for the contract's own matrix inside workerd.
 *
 * @module
 */
import type { Connector } from 'unbusy'
import { d1 } from 'unbusy/d1'
import { databaseOfCase } from './database.ts'

export type ConnectorName = 'd1'
export const runtime = 'workerd'
export const connectorNames: readonly ConnectorName[] = ['d1']

/** The connector of the running case, whatever file it names. */
export async function connectorTo(_name: ConnectorName, _url: string): Promise<Connector> {
  return d1({ database: databaseOfCase() })
}
