/**
 * How large a WAL may get, and what is done about it at which size: all of it in proportion to the one limit that is set.
 *
 * @module
 */

export const defaultCheckpointWalBytes: number = 4 * 1024 * 1024

/**
 * A WAL this many times over its limit no longer waits for the end of phase 1: writes are kept back at once. With 1.5, four
 * processes that write all the time got to 10 MB of 8, with 1.25 to 8.
 */
const crowdedFactor = 1.25
/**
 * From this many times the limit on, what another process checkpoints is waited for with the lock in hand, which stops
 * everybody. With 1.25, eight processes asked in vain two times of three, and the WAL was as large.
 */
const insistFactor = 1.5
/**
 * With less than this share of the limit to move there is no phase 1: it would do little, and is in the way of others. Eight
 * processes commit 1 to 9 % more, from run to run, with this and {@linkcode insistFactor} than without either.
 */
const restFactor = 1 / 3
/** And at this many times SQLite checkpoints in the commit, if no worker did. */
const netFactor = 1.75
/** A file this many times over the limit, 64 MiB unless told otherwise, is not only emptied but cut. */
const truncateFactor = 16

/** Sizes in bytes, from that at which a WAL is checkpointed. */
export interface WalLimits {
  /** Of the database. */
  readonly pageBytes: number
  readonly limitBytes: number
  readonly crowdedBytes: number
  readonly insistBytes: number
  readonly restBytes: number
  readonly truncateBytes: number
}

export function walLimits(limitBytes: number, pageBytes: number): WalLimits {
  return {
    pageBytes,
    limitBytes,
    crowdedBytes: crowdedFactor * limitBytes,
    insistBytes: insistFactor * limitBytes,
    restBytes: restFactor * limitBytes,
    truncateBytes: truncateFactor * limitBytes,
  }
}

/**
 * Where SQLite checkpoints by itself, in the commit that reaches so many pages. Beside a worker that is a net, for the time
 * until it runs: it must not catch what the worker is to be started for.
 */
export function autocheckpointPages(
  { limitBytes, pageBytes }: Pick<WalLimits, 'limitBytes' | 'pageBytes'>,
  hasWorker: boolean,
): number {
  return Math.ceil((limitBytes * (hasWorker ? netFactor : 1)) / pageBytes)
}
