/**
 * What the server does once the files of its database were deleted or replaced: nothing that it takes in from then on can be
 * stored, so it takes in nothing, and says so. It has to be started anew.
 *
 * @module
 */
import { FileReplacedError } from 'unbusy'

/** Remembers that the files are lost, whoever found out. */
export class LostFiles {
  #error: FileReplacedError | undefined

  /** Something failed. Logged once if it is this: from then on everything fails with it. */
  notice(error: unknown): void {
    if (this.#error !== undefined || !(error instanceof FileReplacedError)) return
    this.#error = error
    console.error(`Nothing is stored any more: ${error.message}`)
  }

  /** @throws {FileReplacedError} If they are: what waits in memory would never be written. */
  assertNone(): void {
    if (this.#error !== undefined) throw this.#error
  }
}
