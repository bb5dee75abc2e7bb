/**
 * Calls the user's `onConnection`, for so long and no longer: all that a connection is to be used for waits for it, so one
 * that never settles, as it waits for a query of the very storage, would hold up queries and `close()` for ever (contracts
 * C11 and C15). Loaded where there is one.
 *
 * @module
 */
import type { Connection, Role } from '../connector.ts'
import { OpenError } from '../errors.ts'
import { shapeOf } from '../statement-kind.ts'
import { type Clock, systemClock } from '../time/clock.ts'
import { within } from '../time/within.ts'
import { assertNotOwned } from './pragma-rules.ts'

/** What `onConnection` gets: a connection whose pragmas are set and that no query has used yet. */
export interface OpenedConnection {
  readonly role: Role
  /** The driver's own handle: to register functions or load extensions. Keep no statement open on it. */
  readonly native: unknown
  /** Runs one statement without parameters and rows, such as an ATTACH. */
  exec(sql: string): Promise<void>
}

export type OnConnection = (connection: OpenedConnection, role: Role) => void | Promise<void>

/** An extension may be large, and what it is loaded from slow. */
const timeoutMs = 30_000

/** @throws {OpenError} If it takes too long. */
export async function callOnConnection(
  connection: Connection,
  role: Role,
  onConnection: OnConnection,
  clock: Clock = systemClock,
): Promise<void> {
  const exec = async (sql: string): Promise<void> => {
    const { pragma } = shapeOf(sql)
    if (pragma?.assigns) assertNotOwned(pragma.name)
    await connection.exec(sql)
  }
  const settled = (async () => onConnection({ role, native: connection.native, exec }, role))()
  const ended = settled.catch(() => {})
  if (await within(clock, timeoutMs, ended)) return settled
  const rule = 'it must end, and wait for no query of its own storage'
  throw new OpenError(`Cannot use a ${role} as its onConnection did not end in ${timeoutMs} ms: ${rule}`)
}
