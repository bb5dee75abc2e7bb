/**
 * The root of every error of this library, for the files that hold its branches.
 *
 * @module
 */

/** The root of the tree: `error instanceof UnbusyError` is true for whatever this library throws on purpose. */
export class UnbusyError extends Error {
  override name = 'UnbusyError'
}
