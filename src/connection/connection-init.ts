/**
 * What every physical connection runs before its first statement (contract C1): the pragmas of `pragmas.ts`, then the
 * user's `onConnection`.
 *
 * @module
 */
import type { Connection, Role } from '../connector.ts'
import type { Clock } from '../time/clock.ts'
import type { OnConnection } from './on-connection.ts'
import type { PragmaOptions } from './pragma-rules.ts'

/** How a connection is initialized. */
export interface InitOptions extends PragmaOptions {
  readonly onConnection?: OnConnection | undefined
  /** How long that takes is counted on it. */
  readonly clock?: Clock | undefined
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
  { onConnection, clock }: InitOptions,
): Promise<void> {
  if (onConnection === undefined) return
  const hook = await import('./on-connection.ts')
  await hook.callOnConnection(connection, role, onConnection, clock)
}
