/**
 * What became of a request to a server that failed (contract C16). An adapter says what its error means by itself; what
 * follows from that depends on what the request was to do, and is decided here.
 *
 * @module
 */

/**
 * - `not-applied`: nothing of it ran, and trying again can help: no connection, too many requests, a busy lock.
 * - `refused`: nothing of it ran, and trying again would not help: the token, the URL, the request itself.
 * - `rolled-back`: the server ended the transaction; nothing of it is stored.
 * - `unknown`: the answer was lost: it may have been applied or not.
 */
export type Outcome = 'not-applied' | 'refused' | 'rolled-back' | 'unknown'

/** What a request was to do: `inside` is a statement of an open transaction, `write` a batch or a lone statement. */
export type RequestStage = 'read' | 'begin' | 'inside' | 'write' | 'commit'

/** A read and a BEGIN leave nothing behind, so a lost answer costs nothing: a stream that was begun unseen expires. */
const harmless: Readonly<Record<Outcome, Outcome>> = {
  'not-applied': 'not-applied',
  refused: 'refused',
  'rolled-back': 'not-applied',
  unknown: 'not-applied',
}

const outcomes: Readonly<Record<RequestStage, Readonly<Record<Outcome, Outcome>>>> = {
  read: harmless,
  begin: harmless,
  // COMMIT was not sent, and the stream that holds the transaction is lost with the request: the server undoes it.
  inside: {
    'not-applied': 'rolled-back',
    refused: 'refused',
    'rolled-back': 'rolled-back',
    unknown: 'rolled-back',
  },
  // What was rolled back as a whole, and nobody has seen, can be sent again.
  write: {
    'not-applied': 'not-applied',
    refused: 'refused',
    'rolled-back': 'not-applied',
    unknown: 'unknown',
  },
  commit: {
    'not-applied': 'rolled-back',
    refused: 'rolled-back',
    'rolled-back': 'rolled-back',
    unknown: 'unknown',
  },
}

/** What a failure means for the work that the request was part of. */
export function outcomeAt(stage: RequestStage, outcome: Outcome): Outcome {
  return outcomes[stage][outcome]
}
