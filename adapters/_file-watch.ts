/**
 * Whether the files of a database are still those that were opened. They are looked at with `stat` and never opened:
 * closing such a handle would drop SQLite's locks.
 *
 * Once per write, so it must be cheap: a name can appear, go or change its file only by a change of the folder, so as
 * long as the times of the folder stand still, one `stat` of it speaks for all three files. Mostly it goes through a handle
 * of the folder: to find it by its path takes twice as long, a tenth of a small write.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FileChange, FileWatch } from '../src/connector.ts'
import { disownFile, isFileOpen } from './_engine-registry.ts'
import type { FileLocation } from './_file.ts'
import { identityOf, realPathOf, seenIdentityOf, statOf } from './_file-access.ts'

/**
 * So old must the last change of the folder be before its times are trusted: a second change within one tick of the
 * file system's clock (4 to 10 ms on Linux) would not show in them.
 */
const tickMs = 50
/** Where times are whole seconds: FAT counts in steps of two. */
const coarseTickMs = 2_500

/** So often the folder is found by its path, as it may have been moved away with all that is in it. */
const findEveryMs = 5

/** What the adapters know of the files besides. */
export interface DatabaseFileWatch extends FileWatch, FileLocation {
  /** What is to be opened: the file that was adopted, until the close, also if a link in its path leads elsewhere by then. */
  readonly path: string
  /** The size of the WAL, open or not; `undefined` where there is none. */
  walBytes(): number | undefined
}

interface WatchedFile {
  readonly path: string
  /** Device and inode; `undefined` until it exists: SQLite makes `-wal` and `-shm` when it needs them. */
  identity: string | undefined
}

/** Watches over the files of a connector; `undefined` for `:memory:`, which has none. */
export function watchFiles({ path, isInMemory }: FileLocation): DatabaseFileWatch | undefined {
  return isInMemory ? undefined : new FolderWatch(path)
}

class FolderWatch implements DatabaseFileWatch {
  readonly isInMemory = false
  readonly #path: string
  /** Whether connections are open to what was adopted, or may be. */
  #isInUse = false
  #folder = ''
  #handle: number | undefined
  #foundAtMs = Number.NEGATIVE_INFINITY
  #files: readonly WatchedFile[] = []
  /** Times and inode of the folder at a look that found every file in its place; NaN is equal to nothing. */
  #trustedMtimeMs = Number.NaN
  #trustedCtimeMs = Number.NaN
  #trustedInode = Number.NaN
  /** Size and time of the database when a change was found; `undefined` if others had written to it by then. */
  #lostState: string | undefined

  constructor(path: string) {
    this.#path = path
  }

  get path(): string {
    const [database] = this.#files
    if (!this.#isInUse || database === undefined) return this.#path
    return seenIdentityOf(this.#path) === database.identity ? this.#path : database.path
  }

  adopt(): void {
    const path = realPathOf(this.path)
    // Where the writer is opened anew, another database at its path is a change that is still to be told.
    const known = this.#isInUse ? this.#files[0]?.identity : undefined
    this.close()
    this.#isInUse = true
    this.#folder = dirname(path)
    this.#handle = openFolder(this.#folder)
    const sidecars = [`${path}-wal`, `${path}-shm`].map((it) => ({ path: it, identity: identityOf(it) }))
    this.#files = [{ path, identity: known ?? identityOf(path) }, ...sidecars]
    this.#trustedMtimeMs = Number.NaN
  }

  change(): FileChange | undefined {
    try {
      return this.#find()
    } catch {
      // Their folder may not be entered just now, or its file system does not answer: that says nothing of the files, and
      // what became of them is found once they can be seen. An error after a COMMIT would have its writes run again.
      return undefined
    }
  }

  #find(): FileChange | undefined {
    const { mtimeMs, ctimeMs, ino } = this.#statFolder()
    // ctimeMs too: a program that unpacks or copies into the folder may set the other one back.
    if (mtimeMs === this.#trustedMtimeMs && ctimeMs === this.#trustedCtimeMs && ino === this.#trustedInode) {
      return undefined
    }
    const change = this.#look()
    if (change !== undefined) return change
    const isCoarse = mtimeMs % 1_000 === 0
    const isOld = Date.now() - Math.max(mtimeMs, ctimeMs) > (isCoarse ? coarseTickMs : tickMs)
    this.#trustedMtimeMs = isOld ? mtimeMs : Number.NaN
    this.#trustedCtimeMs = ctimeMs
    this.#trustedInode = ino
    return undefined
  }

  close(): void {
    this.#isInUse = false
    if (this.#handle !== undefined) closeSync(this.#handle)
    this.#handle = undefined
  }

  isUntouched(): boolean {
    const [database, wal] = this.#files
    try {
      // SQLite itself leaves a database alone that is not at its path any more.
      if (database === undefined || identityOf(database.path) !== database.identity) return true
      if (wal !== undefined && identityOf(wal.path) !== wal.identity && sizeOf(wal.path) > 0) return false
      return stateOf(database.path) === this.#lostState
    } catch {
      return false
    }
  }

  isWalLeft(): boolean {
    const [database, wal] = this.#files
    if (wal === undefined || seenIdentityOf(wal.path) === undefined) return false
    const found = seenIdentityOf(this.path)
    return found !== undefined && found === database?.identity && !isFileOpen(found)
  }

  walBytes(): number | undefined {
    const path = this.#files[1]?.path ?? `${realPathOf(this.#path)}-wal`
    return statOf(path)?.size
  }

  #statFolder(): Pick<Stats, 'mtimeMs' | 'ctimeMs' | 'ino'> {
    const nowMs = performance.now()
    if (this.#handle !== undefined && nowMs - this.#foundAtMs < findEveryMs) return fstatSync(this.#handle)
    this.#foundAtMs = nowMs
    return statSync(this.#folder, missingIsUndefined) ?? noFolder
  }

  #look(): FileChange | undefined {
    for (const file of this.#files) {
      const identity = identityOf(file.path)
      if (identity === file.identity) continue
      if (file.identity !== undefined) {
        const [database = file] = this.#files
        disownFile(database.identity)
        this.#lostState = this.#isWrittenSinceNames(database) ? undefined : stateOf(database.path)
        this.#isInUse = false
        return { file: file.path, change: identity === undefined ? 'deleted' : 'replaced' }
      }
      file.identity = identity
    }
    return undefined
  }

  /**
   * Whether the database was written to after a name last came or went: a backup copied over it, as SQLite writes before it
   * deletes a WAL. A checkpoint of our own that was still running looks the same.
   */
  #isWrittenSinceNames({ path }: WatchedFile): boolean {
    const { mtimeMs } = statSync(this.#folder, missingIsUndefined) ?? noFolder
    return (statSync(path, missingIsUndefined)?.mtimeMs ?? 0) > mtimeMs
  }
}

const missingIsUndefined = { throwIfNoEntry: false } as const
const noFolder = { mtimeMs: Number.NaN, ctimeMs: Number.NaN, ino: Number.NaN }

/** `undefined` where folders cannot be opened (Windows), or looking through a handle takes longer (Deno). */
function openFolder(path: string): number | undefined {
  if ('Deno' in globalThis) return undefined
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}

function sizeOf(path: string): number {
  return statSync(path, missingIsUndefined)?.size ?? 0
}

function stateOf(path: string): string {
  const stats = statSync(path, missingIsUndefined)
  return `${stats?.size} ${stats?.mtimeMs}`
}
