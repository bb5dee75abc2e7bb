/**
 * What a storage tells of its WAL: figures when it is asked, and an event when a reader is in the way for long.
 *
 * @module
 */
import type { StorageEvent, WalPin } from '../events.ts'
import type { CheckpointPolicy } from '../options/pool-options.ts'
import type { WalLimits } from './limits.ts'
import type { CheckpointReport, CheckpointRunner } from './runner.ts'
import type { WalGauge } from './wal-gauge.ts'
import type { WalPinWatch } from './wal-pin-watch.ts'

/** The WAL of a storage at one moment. */
export interface WalStats {
  /** The size of the file in bytes, in use or not; 0 where there is none. */
  readonly bytes: number
  /** The last checkpoint that this storage ran; those that SQLite runs in a commit are not seen. */
  readonly lastCheckpoint: CheckpointReport | undefined
  /** The reader that keeps the WAL from starting over, as the last checkpoint met it. */
  readonly pinnedBy: WalPin | undefined
}

/** What is told is taken from here. */
export interface WalReportHost {
  readonly gauge: WalGauge
  readonly runner: CheckpointRunner
  readonly pins: WalPinWatch
  readonly limits: WalLimits
  readonly policy: CheckpointPolicy
  readonly onEvent: (event: StorageEvent) => void
}

/** The figures. */
export function walStats({ gauge, runner, pins }: WalReportHost): WalStats {
  return { bytes: gauge.fileBytes, lastCheckpoint: runner.last, pinnedBy: pins.pin }
}

/** Tells of a reader that is in the way, once; to be called after each checkpoint. */
export function reportPin({ gauge, pins, limits, policy, onEvent }: WalReportHost): void {
  const pin = pins.takeReport()
  const walBytes = gauge.fileBytes
  // A replicator reads all the time, and cuts the WAL itself: that is why the policy is what it is.
  const isExpected = policy === 'passive' && walBytes < limits.truncateBytes
  if (pin !== undefined && !isExpected) onEvent({ kind: 'wal-pinned', walBytes, ...pin })
}
