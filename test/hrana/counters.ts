/**
 * What the server has done since it started or was reset, for tests that promise a number of round trips.
 *
 * @module
 */

/** Numbers of events. */
export interface Counts {
  /** HTTP requests, and over WebSocket the requests that run SQL: the others of a burst travel with these. */
  roundTrips: number
  /** Statements that ran, those of scripts and the likes of BEGIN included. */
  statements: number
  /** Ends of a transaction in success: a COMMIT, and a change outside of any. */
  commits: number
  /** Of transactions taken from a stream. */
  forcedRollbacks: number
  /** Streams ever opened. */
  streams: number
  /** Faults that were done. */
  faults: number
  /** WebSocket connections ever accepted. */
  sockets: number
}

export function newCounts(): Counts {
  return { roundTrips: 0, statements: 0, commits: 0, forcedRollbacks: 0, streams: 0, faults: 0, sockets: 0 }
}
