/**
 * The end of a write queue that could not be drained in time (contract C15).
 *
 * @module
 */
import type { ConnectionLease } from '../connection/connection-lease.ts'
import type { UnbusyError } from '../errors.ts'
import type { WaitingUnits } from './waiting-units.ts'
import type { WriterPump } from './writer-pump.ts'

/** What a queue that was abandoned had not finished. */
export interface UnfinishedWrites {
  /** Queued writes that were rejected because `drainTimeoutMs` was over. */
  readonly rejectedWrites: number
  /** Write transactions that were still open then, and were rolled back. */
  readonly revokedTransactions: number
}

/** Rejects what still waits, takes the writer back from its holder, and drains. */
export async function abandonWrites(
  waiting: WaitingUnits,
  pump: WriterPump,
  lease: ConnectionLease | undefined,
  error: UnbusyError,
): Promise<UnfinishedWrites> {
  const units = [...waiting, ...pump.group]
  for (const unit of units) {
    unit.wait.abandonedBy = error
    // What is being tried at this moment may yet come through, and so may the group that runs.
    waiting.giveUp(unit, error)
  }
  const isRevoked = await lease?.revoke(error)
  await pump.drained()
  const rejectedWrites = units.filter((unit) => unit.error === error).length
  return { rejectedWrites, revokedTransactions: isRevoked ? 1 : 0 }
}
