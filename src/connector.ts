/**
 * The port between the core and a driver. A connector opens connections to ONE database through ONE driver; it
 * translates calls, values and results, and decides nothing: waiting, repair, routing and pragmas are the core's.
 *
 * Results may be plain values or promises: a synchronous driver answers synchronously, so that the core can run
 * several statements without yielding the event loop in between.
 *
 * @module
 */
import type { DatabaseFile } from './connector/file-facts.ts'
import type { Outcome } from './errors/outcome.ts'
import type { StatementKind } from './statement-kind.ts'
import type { BoundValue, IntegerReading, Row } from './values.ts'

export type MaybePromise<T> = T | Promise<T>

/** What a connection is for. The writer takes the write lock; a reader is `query_only` and cannot. */
export type Role = 'writer' | 'reader'

/** How a transaction begins (https://www.sqlite.org/lang_transaction.html). */
export type BeginMode = 'deferred' | 'immediate' | 'exclusive'

/** One statement, classified and with its values encoded: ready to be bound by position. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly BoundValue[]
  readonly kind: StatementKind
  /** Whether the driver may keep the prepared statement; false for what changes meaning or must be finalized at once. */
  readonly cacheable: boolean
}

/** What a statement answered. */
export interface StatementResult {
  readonly rows: Row[]
  /** Rows changed by an INSERT, UPDATE or DELETE without RETURNING. */
  readonly changes?: number | bigint
  readonly lastInsertRowid?: number | bigint
}

/** What every connection of a storage is opened with. */
export interface ConnectionSettings {
  readonly integers: IntegerReading
  /** Prepared statements kept per connection, least recently used first out. */
  readonly maxCachedStatements: number
}

/**
 * One physical connection. An optional member is an optional capability.
 * Every method throws or rejects with the driver's own error; the core asks {@linkcode Connector.resultCodeOf} what it is.
 */
export interface Connection {
  /** Whether SQLite itself says that a transaction is open; after an error this is asked, never assumed. */
  readonly inTransaction: boolean
  /** Whether the driver can refuse a row whose statement has run, such as one with an integer beyond 2^53. @default {false} */
  readonly mayRefuseRows?: boolean
  /** The driver's own handle, for `onConnection`. */
  readonly native: unknown
  execute(statement: Statement): MaybePromise<StatementResult>
  /**
   * Runs statements in one round trip: the server takes the write lock, runs them in order and commits all of them, or
   * nothing of them happened. Answers statement by statement. Where it is there, groups of writes go through it.
   */
  executeBatch?(statements: readonly Statement[]): Promise<readonly StatementResult[]>
  /** Runs a text without parameters and rows, such as a PRAGMA that sets something. */
  exec(sql: string): MaybePromise<void>
  begin(mode: BeginMode): MaybePromise<void>
  commit(): MaybePromise<void>
  rollback(): MaybePromise<void>
  /** Steps through the rows of a read. Missing where the driver has no iterator, or one that hides errors. */
  iterate?(statement: Statement): Iterable<Row>
  close(): MaybePromise<void>
}

/** What a connector can and cannot do: data, tested by the contract suite. */
export interface Capabilities {
  /** The database lives in one connection (`:memory:`): reads share it with the writer. */
  readonly singleConnection: boolean
  /**
   * A lone write may run outside an explicit transaction. False where a statement that meets BUSY outside of one
   * breaks the connection (libSQL: https://github.com/tursodatabase/libsql-js/issues/237).
   */
  readonly autocommit: boolean
  /** Statements are through when the call returns, so a lone write of an idle storage needs no promise. @default {false} */
  readonly synchronous?: boolean
  /**
   * The engine is behind a network (tiers B and C): its pragmas, its files and its checkpoints are the server's, and it
   * can end a transaction without this side being told. @default {false}
   */
  readonly remote?: boolean
  /** Statements can follow each other inside one transaction; false where there are only batches. @default {true} */
  readonly interactiveTransactions?: boolean
  /** Parameters that one statement can have. @default {32_766} */
  readonly maxParameters?: number
  /** Bytes that one text or blob can have. @default {about 1 GB, SQLite's own limit} */
  readonly maxValueBytes?: number
  /** What the names of the tables begin with that belong to the database itself; introspection passes them over. */
  readonly reservedTablePrefix?: string
}

/** Carries a value along the asynchronous calls of a transaction; AsyncLocalStorage where the runtime has one. */
export interface AsyncContext {
  get(): object | undefined
  /** Sets the value for what the current asynchronous function does from here on. */
  enter(value: object | undefined): void
}

/** How much a checkpoint does: `passive` waits for nobody; `truncate` also empties the file, if nobody is in the way. */
export type CheckpointMode = 'passive' | 'truncate'

/** What `PRAGMA wal_checkpoint` answered (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint). */
export interface CheckpointResult {
  /** Whether it could not do all of its mode, as another checkpoint runs or a reader is in the way of a `truncate`. */
  readonly isBusy: boolean
  /** Frames in the WAL; -1 if that could not be read, or the journal is no WAL. */
  readonly logFrames: number
  /** Frames of them that are in the database file by now. */
  readonly checkpointedFrames: number
}

/** Checkpoints one database off the event loop, on a connection of its own in a worker thread. */
export interface CheckpointWorker {
  /** Rejects with the driver's own error, or with one without a result code if the worker is gone. */
  checkpoint(mode: CheckpointMode): Promise<CheckpointResult>
  /** Closes its connection; the worker may go on for other databases. */
  close(): Promise<void>
}

/** What happened to a file of a database that is open. */
export interface FileChange {
  /** The path of the database, or of its `-wal` or `-shm`. */
  readonly file: string
  readonly change: 'deleted' | 'replaced'
}

/** Tells whether the files that were opened are still those that others find. It never opens them. */
export interface FileWatch {
  /** Takes the files that are there now for the right ones. */
  adopt(): void
  /**
   * What was deleted or replaced since; `undefined` also where nobody can look. Called for every write, after its COMMIT too:
   * synchronous, mostly one `stat`, and it never throws, or what is stored would run again.
   */
  change(): FileChange | undefined
  /** After a change: whether nobody else seems to have written to the database since the files went. */
  isUntouched(): boolean
  /** Once all is closed: whether there is a `-wal` beside the database that was opened, which nothing else here has open. */
  isWalLeft(): boolean
  /** Gives back what it looks through. It can be asked nevertheless, and adopt again. */
  close(): void
}

/** Opens connections to one database through one driver. */
export interface Connector {
  /** The name users configure, such as `better-sqlite3`. */
  readonly name: string
  /** Where the database is, for messages: a path or `:memory:`. Never holds a secret. */
  readonly location: string
  readonly capabilities: Capabilities
  readonly context?: AsyncContext
  /** Missing where the database has no files that could be lost. */
  readonly fileWatch?: FileWatch
  /** What the system tells of the file and the driver, for the doctor; missing where there is no file. */
  readonly file?: DatabaseFile
  /** @throws {OpenError} If the file or the driver package is not what it must be. */
  connect(role: Role, settings: ConnectionSettings): MaybePromise<Connection>
  /** The extended result code of an error that this driver threw, `undefined` if it is not SQLite's. */
  resultCodeOf(error: unknown): number | undefined
  /** What became of a request that failed on its way or at the server; `undefined` if it is SQLite's own answer. */
  outcomeOf?(error: unknown): Outcome | undefined
  /** Resolves in a later macrotask, so that timers, I/O and native finalizers get their turn. */
  nextTurn(): Promise<void>
  /** The size of the WAL file in bytes, by `stat`: the file is never opened for it. 0 where there is none. */
  walBytes?(): number
  /**
   * Has a worker open the database with the driver module of the connections: two SQLite engines in one process ignore
   * each other's locks. Missing where there is no such worker. Rejects if it cannot be started.
   */
  openCheckpointWorker?(): Promise<CheckpointWorker>
  /** Called once, after the last connection closed. */
  close?(): MaybePromise<void>
}
