/**
 * What every physical connection runs before its first statement (contract C1): the pragmas of `pragmas.ts`, then the
 * user's `onConnection`.
 *
 * @module
 */
import type { Connection, Role } from '../connector.ts'
import { shapeOf } from '../statement-kind.ts'
import { assertNotOwned, type PragmaOptions } from './pragma-rules.ts'

/** What `onConnection` gets: a connection whose pragmas are set and that no query has used yet. */
export interface OpenedConnection {
  readonly role: Role
  /** The driver's own handle: to register functions or load extensions. Keep no statement open on it. */
  readonly native: unknown
  /** Runs one statement without parameters and rows, such as an ATTACH. */
  exec(sql: string): Promise<void>
}

export type OnConnection = (connection: OpenedConnection, role: Role) => void | Promise<void>

/** How a connection is initialized. */
export interface InitOptions extends PragmaOptions {
  readonly onConnection?: OnConnection | undefined
}

/** Brings a connection into the state of its role. Safe to run again; on a settled database it takes no write lock. */
export async function setPragmas(connection: Connection, role: Role, options: InitOptions): Promise<void> {
  // Those of a server are the server's: what talks to nothing else does without.
  const pragmas = await import('./pragmas.ts')
  await pragmas.setPragmas(connection, role, options)
}

/** Calls the user's `onConnection`, once for each physical connection: an ATTACH works once. */
export async function callOnConnection(
  connection: Connection,
  role: Role,
  { onConnection }: InitOptions,
): Promise<void> {
  const exec = async (sql: string): Promise<void> => {
    const { pragma } = shapeOf(sql)
    if (pragma?.assigns) assertNotOwned(pragma.name)
    await connection.exec(sql)
  }
  await onConnection?.({ role, native: connection.native, exec }, role)
}
