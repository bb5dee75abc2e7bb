/**
 * Checkpoints of which a case has a hand on each, and a reader that is in their way.
 *
 * @module
 */
import type { CheckpointWorker, Connector } from 'unbusy'
import { type HeldLock, holdLock } from 'unbusy/testing'
import { peerCommand } from '../processes/peer.ts'
import type { CaseContext } from './case.ts'
import { connectorTo } from './matrix.ts'

/** Why cases of the worker leave a connector out. */
export const noWorker = {
  libsql: 'its SQLite has the WAL-reset bug, so only the writer checkpoints',
} as const

type Checkpoint = CheckpointWorker['checkpoint']

/** The connector of a case with a worker whose every checkpoint goes through `hold`. */
export async function heldCheckpoints(
  { connector: name, path }: CaseContext,
  hold: (checkpoint: () => ReturnType<Checkpoint>, mode: Parameters<Checkpoint>[0]) => ReturnType<Checkpoint>,
): Promise<Connector> {
  const connector = await connectorTo(name, path)
  return {
    ...connector,
    async openCheckpointWorker() {
      const worker = (await connector.openCheckpointWorker?.()) as CheckpointWorker
      return {
        checkpoint: (mode) => hold(() => worker.checkpoint(mode), mode),
        close: () => worker.close(),
      }
    },
  }
}

/** A reader in another process: it pins the WAL until it is released. */
export function pinWal({ path }: CaseContext): Promise<HeldLock> {
  return holdLock(path, 30_000, { command: peerCommand(), begin: 'deferred' })
}
