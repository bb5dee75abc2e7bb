/**
 * What a storage tells of itself.
 *
 * @module
 */
import type { WalStats } from '../checkpoint/wal-report.ts'
import type { Lane } from '../lanes.ts'
import type { ConnectionPool } from '../pool.ts'

/** Figures of a storage at one moment. */
export interface StorageStats {
  /** The name of the connector. */
  readonly connector: string
  /** Writes and transactions that wait for the writer now. */
  readonly queuedWrites: number
  /** The same by lane. */
  readonly queuedByLane: Readonly<Record<Lane, number>>
  /** How often the write lock was taken since the storage was opened. */
  readonly lockCycles: number
  /** The same, and how often it was asked for in vain: what is beyond `lockCycles` met a lock that another process held. */
  readonly lockAttempts: number
  /** The most writes that shared one lock cycle. */
  readonly largestGroup: number
  /** Readers that are open now. */
  readonly openReaders: number
  /** The size of the WAL, its last checkpoint, and who is in the way (contract C13). */
  readonly wal: WalStats
}

/** The figures of a pool. */
export function statsOf({ connector, queue, readers, checkpoints }: ConnectionPool): StorageStats {
  const { waiting, ...figures } = queue.stats()
  return {
    connector: connector.name,
    queuedWrites: queue.size,
    queuedByLane: waiting,
    ...figures,
    openReaders: readers.count,
    wal: checkpoints?.stats() ?? noWal,
  }
}

const noWal: WalStats = { bytes: 0, lastCheckpoint: undefined, pinnedBy: undefined }
