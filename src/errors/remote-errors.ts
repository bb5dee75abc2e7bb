/**
 * What became of work that was sent to a server (contract C16).
 *
 * @module
 */
import type { Outcome } from './outcome.ts'
import { UnbusyError } from './unbusy-error.ts'

/**
 * A database server could not be reached, refused the request or gave it up. `outcome` says what that means for the work:
 * `not-applied` and `refused` (nothing of it ran), or `rolled-back` (the transaction is over, nothing of it is stored).
 * Where trying again can help, that was done until the budget was over.
 */
export class RemoteError extends UnbusyError {
  override name = 'RemoteError'
  readonly outcome: Outcome

  constructor(message: string, outcome: Outcome, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/**
 * The answer to a write was lost (contract C16): it may be committed, or not. It is never sent a second time by itself.
 * Look whether it is there; or give such a batch an `idempotencyKey`, and it is applied exactly once.
 */
export class OutcomeUnknownError extends RemoteError {
  override name = 'OutcomeUnknownError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'unknown', options)
  }
}

/** Wraps what a request to a server failed with; the message of the cause is the transport's, without parameter values. */
export function remoteError(cause: unknown, outcome: Outcome): RemoteError {
  if (outcome === 'unknown') {
    const what = 'The answer of the server to a write was lost: it may be committed, or not'
    return new OutcomeUnknownError(what, { cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RemoteError(`${outcomeSentences[outcome]}: ${reason}`, outcome, { cause })
}

const outcomeSentences: Readonly<Record<Exclude<Outcome, 'unknown'>, string>> = {
  'not-applied': 'The server could not be used; nothing of this ran',
  refused: 'The request was refused; nothing of it ran',
  'rolled-back': 'The server gave the transaction up; nothing of it is stored',
}
