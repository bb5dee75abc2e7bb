/**
 * The port between the core and a driver. A connector opens connections to ONE database through ONE driver; it
 * translates calls, values and results, and decides nothing: waiting, repair, routing and pragmas are the core's.
 *
 * Results may be plain values or promises: a synchronous driver answers synchronously, so that the core can run
 * several statements without yielding the event loop in between.
 *
 * @module
 */
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
  /** The driver's own handle, for `onConnection`. */
  readonly native: unknown
  execute(statement: Statement): MaybePromise<StatementResult>
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
}

/** Carries a value along the asynchronous calls of a transaction; AsyncLocalStorage where the runtime has one. */
export interface AsyncContext {
  get(): object | undefined
  /** Sets the value for what the current asynchronous function does from here on. */
  enter(value: object | undefined): void
}

/** Opens connections to one database through one driver. */
export interface Connector {
  /** The name users configure, such as `better-sqlite3`. */
  readonly name: string
  /** Where the database is, for messages: a path or `:memory:`. Never holds a secret. */
  readonly location: string
  readonly capabilities: Capabilities
  readonly context?: AsyncContext
  /** @throws {OpenError} If the file or the driver package is not what it must be. */
  connect(role: Role, settings: ConnectionSettings): MaybePromise<Connection>
  /** The extended result code of an error that this driver threw, `undefined` if it is not SQLite's. */
  resultCodeOf(error: unknown): number | undefined
  /** Resolves in a later macrotask, so that timers, I/O and native finalizers get their turn. */
  nextTurn(): Promise<void>
  /** Called once, after the last connection closed. */
  close?(): MaybePromise<void>
}
