/**
 * What a write-behind buffer tells of itself: its data, how it writes them, and its figures.
 *
 * @module
 */
import type { Lane } from '../lanes.ts'
import type { Clock } from '../time/clock.ts'
import type { FlushContext } from './coalesce-options.ts'
import type { BufferReports } from './write-behind.ts'

/** The data of a buffer: entries that wait, and those that a flush has in its hands. */
export interface HeldEntries<Entry> {
  readonly size: number
  /** Entries that wait for a flush. */
  readonly waiting: number
  /** The number of the oldest value that is held; Infinity if there is none. */
  readonly oldest: number
  /** Hands entries to a flush: all, or at most `count` where rows go in batches. */
  takeOff(count: number): Entry[]
  isInFlight(entry: Entry): boolean
  /** It is committed or given up. Answers whether it was still wanted. */
  land(entry: Entry): boolean
  /** Takes back what a flush did not write. */
  turnBack(): void
}

/** In what one buffer differs from another. */
export interface BufferPlan<Value, Entry extends { readonly value: Value }> {
  readonly held: HeldEntries<Entry>
  /** Writes all of these entries, or none. */
  readonly write: (entries: readonly Entry[], context: FlushContext) => Promise<unknown>
  /** Called after each flush, when there may be room again. */
  readonly onRoom?: () => void
  /** So many entries are written without waiting for the interval. */
  readonly maxWaiting: number
  /** The number of an entry that never changes; missing where a later value can be merged into an entry. */
  readonly numberOf?: (entry: Entry) => number
  readonly intervalMs: number
  readonly options: BufferReports<Value> & { readonly lane?: Lane; readonly clock?: Clock }
}

/** What the flushes of a buffer came to. */
export interface FlushCounts {
  flushed: number
  failures: number
  flushes: number
}
