/**
 * Keeps two SQLite engines off one file. POSIX locks belong to the process, not to the handle: a second engine in the
 * process does not see the locks of the first, and closing its handle drops them
 * (https://www.sqlite.org/howtocorrupt.html, 2.2.1), so that acknowledged writes get lost.
 *
 * It sees this isolate only: not worker threads, not handles that were opened without this library.
 *
 * @module
 */
import { OpenError } from '../src/errors.ts'
import { seenIdentityOf } from './_file-access.ts'

interface Claim {
  readonly engine: string
  count: number
  /** Connections that are still open here go on in files that nobody else sees any more. */
  isDisowned?: boolean
}

/** On globalThis, so that two copies of this library in one process see each other. */
const engines = Symbol.for('unbusy.engines')

/**
 * Refuses a file that another engine has open. Asked BEFORE opening: merely closing a second handle again would
 * already drop the locks of the first. A file that does not exist yet is nobody's.
 *
 * @throws {OpenError} If another engine of this process has the file open.
 */
export function refuseOtherEngine(path: string, engine: string): void {
  const file = seenIdentityOf(path)
  if (file !== undefined) refuse(path, engine, claims().get(file))
}

/**
 * Notes that `engine` has the file open, once more if it had it already. The file is looked at with `stat` and never
 * opened: closing such a handle would drop SQLite's locks too.
 *
 * @returns What gives the claim back; call it once, after the connection closed.
 * @throws {OpenError} If another engine of this process has the file open, or the file is gone.
 */
export function claimFile(path: string, engine: string): () => void {
  const release = claimIfThere(path, engine)
  if (release === undefined)
    throw new OpenError(`Cannot use database ${path} as it was deleted while it was opened`)
  return release
}

/**
 * {@linkcode claimFile} for what is still to be opened; `undefined` where there is nothing to be seen.
 *
 * @throws {OpenError} If another engine of this process has the file open.
 */
export function claimIfThere(path: string, engine: string): (() => void) | undefined {
  const file = seenIdentityOf(path)
  if (file === undefined) return undefined
  const files = claims()
  const claim = files.get(file) ?? { engine, count: 0 }
  refuse(path, engine, claim)
  claim.count++
  files.set(file, claim)
  let isReleased = false
  return () => {
    if (isReleased) return
    isReleased = true
    claim.count--
    if (claim.count === 0) files.delete(file)
  }
}

/**
 * Notes that files of an open database were deleted or replaced. SQLite would share the lost `-shm` with every new
 * connection of this process, so none is opened until all that have it are closed.
 */
export function disownFile(file: string | undefined): void {
  const claim = file === undefined ? undefined : claims().get(file)
  if (claim !== undefined) claim.isDisowned = true
}

/** Whether this process has the file open. */
export function isFileOpen(file: string): boolean {
  return claims().has(file)
}

function refuse(path: string, engine: string, claim: Claim | undefined): void {
  if (claim?.isDisowned) {
    throw new OpenError(
      `Cannot open database ${path} as a storage of this process still has files of it open that were deleted or ` +
        'replaced: close every storage on it first, or start the process anew',
    )
  }
  if (claim === undefined || claim.engine === engine) return
  throw new OpenError(
    `Cannot open database ${path} with ${engine} as this process has it open with ${claim.engine}: two SQLite engines ` +
      'in one process ignore the locks of each other and lose acknowledged writes, so use one dialect per file',
  )
}

function claims(): Map<string, Claim> {
  const scope = globalThis as { [engines]?: Map<string, Claim> }
  scope[engines] ??= new Map()
  return scope[engines]
}
