/**
 * What only the system can tell of a database file. The core interprets it; adapters that have a system around them
 * collect it, with `stat`, `statfs` and `/proc`: none of them may open the file, as closing it again would drop the
 * locks of SQLite in this process.
 *
 * @module
 */

/** A file that SQLite keeps beside the database. */
export interface SidecarFile {
  readonly suffix: '-wal' | '-shm' | '-journal'
  readonly sizeBytes: number
  readonly isWritable: boolean
}

/** What a process does with the file, as its locks tell (https://www.sqlite.org/walformat.html, 2.3.1). */
export type FileActivity = 'reading' | 'writing' | 'checkpointing' | 'recovering' | 'exclusive'

/** A process that has the file open. */
export interface FileHolder {
  readonly pid: number
  /** The name of its program, empty if the system does not tell. */
  readonly command: string
  /** Whether it is the process that asks. */
  readonly isSelf: boolean
  /** It has a database or -wal of this name open that is deleted: others who open the path do not see its writes. */
  readonly hasDeletedFile: boolean
  readonly activities: readonly FileActivity[]
}

/** Who has the file open, of the processes that this system shows. */
export interface FileHolders {
  readonly processes: readonly FileHolder[]
  /** Processes whose files may not be seen, such as those of other users. */
  readonly hiddenProcesses: number
}

/** What the system tells of a database file. */
export interface FileFacts {
  /** The path with all links resolved: SQLite puts its sidecar files beside this one. */
  readonly path: string
  readonly sizeBytes: number
  /** How many names (hard links) the file has. */
  readonly nameCount: number
  readonly isWritable: boolean
  readonly folder: string
  readonly isFolderWritable: boolean
  readonly sidecars: readonly SidecarFile[]
  /** `undefined` where the system does not tell. */
  readonly holders: FileHolders | undefined
}

/** A part of the driver, and its version. */
export interface PartVersion {
  /** The name of a package, or `node`, `bun`, `deno`. */
  readonly name: string
  readonly version: string
}

/** What a connector can tell of its file and its driver. Nothing here opens the file, and nothing throws. */
export interface DatabaseFile {
  /** The `f_type` of `statfs`, on Linux: one cheap call. `undefined` where the system does not tell. */
  fileSystemType(): number | undefined
  /** The versions of the driver's packages, as far as they are found, and of the runtime. */
  partVersions(): readonly PartVersion[]
  /** Looks at the file and through the processes of the system. `undefined` if there is no such file. */
  facts(): Promise<FileFacts | undefined>
}
