/**
 * The programs' side of `program.ts`: their arguments, and lines both ways.
 *
 * @module
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Connector } from 'unbusy'
import { type ConnectorName, connectorTo } from '../contract/matrix.ts'

const [connectorName, file, ...rest] = process.argv.slice(2)

export const path: string = file as string
/** What came after the connector and the path. */
export const args: readonly string[] = rest

export function connector(): Promise<Connector> {
  return connectorTo(connectorName as ConnectorName, path)
}

export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

let lines: AsyncIterator<string> | undefined

/** The next line that the test sent. From the first call on, the process waits for more until it exits. */
export async function hear(): Promise<unknown> {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { value, done } = await lines.next()
  return done ? undefined : JSON.parse(value)
}
