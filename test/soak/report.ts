/**
 * What a process of the soak tells, in lines.
 *
 * @module
 */

/** One look at a process, after a garbage collection where the runtime allows one. */
export interface Sample {
  readonly atMs: number
  readonly rssBytes: number
  /** JavaScript's own part of it: unlike the whole, no allocator's habits blur it. */
  readonly heapBytes: number
  /** Open file descriptors; undefined where the system does not tell. */
  readonly fileDescriptors: number | undefined
  readonly walBytes: number
}

/** What the callers did since the start. */
export type Counts = Readonly<Record<string, number>>

/** A soak in which one of these never happened has not tried what it is about. */
export const mustHappen: readonly string[] = [
  'aborted',
  'timed out',
  'refused',
  'stream',
  'coalesce',
  'append',
  'repository',
]

/** What a process holds when nothing is open: before its first storage, and after its last. */
export interface Holdings {
  readonly fileDescriptors: number | undefined
  /** Timers and handles, as `process.getActiveResourcesInfo()` has them. */
  readonly resources: readonly string[] | undefined
  /** Listeners on the process, and on a signal that thousands of writes were given. */
  readonly listeners: number | undefined
}

/** The last line of a process. */
export interface End {
  readonly counts: Counts
  /** Rows that were compared with what was acknowledged, and deleted. */
  readonly verified: number
  /** What should not have been, as sentences; the first of many. */
  readonly wrong: readonly string[]
  readonly before: Holdings
  readonly after: Holdings
}

/** One line. */
export type Line = readonly ['sample', Sample, Counts] | readonly ['end', End]
