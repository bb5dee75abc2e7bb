/**
 * What the errors of one connector mean, and what callers get to see of them (contract C9).
 *
 * @module
 */
import type { Connector } from '../connector.ts'
import { type Outcome, outcomeAt, type RequestStage } from '../errors/outcome.ts'
import { OpenError, RemoteError, remoteError, type SqliteError, translateError } from '../errors.ts'
import { isLockBusy, isNotADatabase, isReadonly } from '../result-code.ts'

/** Reads and translates the errors of one connector. */
export class DriverErrors {
  readonly #connector: Connector

  constructor(connector: Connector) {
    this.#connector = connector
  }

  /** Whether another connection holds the lock, or the server cannot be used for the moment: nothing has changed. */
  readonly isBusy = (error: unknown): boolean =>
    this.isLockBusy(error) || this.#outcomeOf(error) === 'not-applied'

  /** Whether another connection holds the lock. */
  isLockBusy(error: unknown): boolean {
    return isLockBusy(this.#connector.resultCodeOf(error))
  }

  /** A driver's error as ours; what is ours already stays as it is. */
  translate(error: unknown, stage: RequestStage = 'inside'): unknown {
    const outcome = error instanceof RemoteError ? undefined : this.#connector.outcomeOf?.(error)
    if (outcome !== undefined) return remoteError(error, outcomeAt(stage, outcome))
    return translateError(error, this.#connector.resultCodeOf(error))
  }

  /** Why a database could not be opened, unless that was a lock. */
  openError(cause: unknown): unknown {
    const code = this.#connector.resultCodeOf(cause)
    if (code === undefined || isLockBusy(code)) return cause
    const reason =
      openFailure(code) ?? `SQLite answered ${(translateError(cause, code) as SqliteError).message}`
    return new OpenError(`Cannot open database ${this.#connector.location} as ${reason}`, { cause })
  }

  #outcomeOf(error: unknown): Outcome | undefined {
    return error instanceof RemoteError ? error.outcome : this.#connector.outcomeOf?.(error)
  }
}

/** What is said of the failures that a stranger meets when opening; SQLite's own words do not help with these. */
function openFailure(code: number): string | undefined {
  if (isReadonly(code)) return 'the file or its folder is read-only: the writer needs to write to both'
  if (isNotADatabase(code)) return 'the file is not a SQLite database, or it is an encrypted one'
  return undefined
}
