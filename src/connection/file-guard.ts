/**
 * Notices that the files of an open database were deleted or replaced, before a write is acknowledged. SQLite itself does
 * not: it goes on in files that have no name any more, and what it writes there is lost with the process.
 *
 * @module
 */
import type { Connector, FileChange, Role, Statement } from '../connector.ts'
import { FileReplacedError } from '../errors.ts'
import type { Clock } from '../time/clock.ts'

/**
 * A look after each write is what acknowledges it. The one before, so that next to nothing gets into lost files, is spared
 * if the last was so short ago.
 */
const freshMs = 5

/**
 * The one guard of a storage. Once it has found a change, everything is refused.
 *
 * One gap is left: the process that deletes the WAL has copied it into the database before, and what is committed in
 * between, within milliseconds, is acknowledged. See `let-go.ts` for what becomes of that.
 */
export class FileGuard {
  readonly #connector: Connector
  readonly #clock: Clock
  readonly #onLost: (error: FileReplacedError) => void
  #lost: FileChange | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY

  /** @param onLost Called once, when the change is found. */
  constructor(connector: Connector, clock: Clock, onLost: (error: FileReplacedError) => void) {
    this.#connector = connector
    this.#clock = clock
    this.#onLost = onLost
  }

  /**
   * Takes the files that the writer has just opened for the right ones. A reader must not answer from others.
   *
   * @throws {FileReplacedError} If a reader was opened, and the files are not those of the writer any more.
   */
  opened(role: Role): void {
    if (role === 'writer') this.#connector.fileWatch?.adopt()
    else this.#look()
  }

  /** @throws {FileReplacedError} If a change was found before. */
  assertIntact(): void {
    if (this.#lost !== undefined) throw fileReplaced(this.#connector.location, this.#lost)
  }

  /** @throws {FileReplacedError} If the files were deleted or replaced; nothing was written to them yet. */
  beforeWrite(): void {
    this.assertIntact()
    if (this.#clock.now() - this.#lookedAtMs >= freshMs) this.#look()
  }

  /**
   * @param statement What was run, if it may be more than a write.
   * @throws {FileReplacedError} If the files were deleted or replaced: what was committed just now may not be in them.
   */
  afterWrite(statement?: Statement): void {
    // Leaving WAL mode deletes its files.
    if (statement?.kind === 'alone' && /journal_mode/i.test(statement.sql)) this.opened('writer')
    else this.#look()
  }

  #look(): void {
    this.assertIntact()
    const { fileWatch, location } = this.#connector
    if (fileWatch === undefined) return
    const change = fileWatch.change()
    this.#lookedAtMs = this.#clock.now()
    if (change === undefined) return
    this.#lost = change
    this.#onLost(fileReplaced(location, change))
    this.assertIntact()
  }
}

function fileReplaced(location: string, lost: FileChange): FileReplacedError {
  const sidecar = /-(?:wal|shm)$/.exec(lost.file)?.[0]
  const what = sidecar === undefined ? 'it' : `its ${sidecar} file`
  const happened = lost.change === 'deleted' ? 'was deleted' : 'was replaced by another file'
  const cure = sidecar === undefined ? restore : reopen
  return new FileReplacedError(
    `Cannot use database ${location} as ${what} ${happened} while it was open: ${cure}`,
    lost,
  )
}

const restore =
  'close the storage and open it again once the right file is there, without the -wal and -shm of another one'

const reopen =
  'close the storage and open it again. SQLite itself deletes that file when it takes this process for gone, as it does ' +
  'when the process has opened the database with fs (readFile, a copy, a stream): closing that drops the locks of SQLite'
