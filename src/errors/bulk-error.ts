/**
 * What a bulk call of several slices leaves unwritten.
 *
 * @module
 */
import { UnbusyError } from './unbusy-error.ts'

/** Which of the caller's rows a bulk call did not write, by their positions, ascending. */
export interface BulkFailure {
  /** The rows of the slice that failed: the bad one is among them. */
  readonly failed: readonly number[]
  /** The rows that would have come after them. */
  readonly untried: readonly number[]
  /** How many rows the call had. */
  readonly total: number
  /** Rows that the slices before it changed. */
  readonly changes: number
}

/**
 * One slice of a bulk call failed: what came before it is committed and stays, the rest was not written. `cause` is the
 * error of the slice. A call of one slice, or an atomic one, fails with that error itself.
 *
 * @example
 * ```ts
 * const unwritten = [...error.failed, ...error.untried].map((position) => rows[position])
 * ```
 */
export class BulkWriteError extends UnbusyError implements BulkFailure {
  override name = 'BulkWriteError'
  readonly failed: readonly number[]
  readonly untried: readonly number[]
  readonly total: number
  readonly changes: number

  constructor({ failed, untried, total, changes }: BulkFailure, options: ErrorOptions) {
    const unwritten = failed.length + untried.length
    const written = unwritten === total ? 'none is written' : `the other ${total - unwritten} are`
    super(
      `Cannot write ${unwritten} of ${total} rows: ${failed.length} of them failed together, the first is row ` +
        `${failed[0]}, and ${untried.length} were not tried; ${written}`,
      options,
    )
    this.failed = failed
    this.untried = untried
    this.total = total
    this.changes = changes
  }
}
