/**
 * The port's Connection over any synchronous driver: statement cache, transactions and streams, once for all of them.
 *
 * @module
 */
import type {
  BeginMode,
  Connection,
  ConnectionSettings,
  Statement,
  StatementResult,
} from '../src/connector.ts'
import type { IntegerReading, Row } from '../src/values.ts'
import { ExactStatement } from './_exact-statement.ts'
import type { SyncDatabase } from './_sync-database.ts'

const begins: Readonly<Record<BeginMode, Statement>> = {
  deferred: control('BEGIN DEFERRED'),
  immediate: control('BEGIN IMMEDIATE'),
  exclusive: control('BEGIN EXCLUSIVE'),
}
const commit: Statement = control('COMMIT')
const rollback: Statement = control('ROLLBACK')

/** One connection of a synchronous driver: every answer is a plain value, and every error the driver's own. */
export class SyncConnection implements Connection {
  /** Missing where the driver's iterators hide errors. */
  readonly iterate?: (statement: Statement) => Iterable<Row>
  readonly #database: SyncDatabase
  readonly #integers: IntegerReading
  readonly #maxCachedStatements: number
  readonly #release: () => void
  /** In the order of their last use: a Map keeps the order of insertion. */
  readonly #cache = new Map<string, ExactStatement>()
  /** What frees each stream that is still open. */
  readonly #streams = new Set<() => void>()
  /** The last entry of the cache: a group runs one text many times. */
  #newestSql = ''
  #newest: ExactStatement | undefined
  #isClosed = false

  /** @param release Called once, after the database closed. */
  constructor(database: SyncDatabase, settings: ConnectionSettings, release: () => void) {
    this.#database = database
    this.#integers = settings.integers
    this.#maxCachedStatements = settings.maxCachedStatements
    this.#release = release
    if (database.iterates) this.iterate = (statement) => this.#stream(statement)
  }

  get native(): unknown {
    return this.#database.native
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction
  }

  execute({ sql, parameters, kind, cacheable }: Statement): StatementResult {
    const isKept = cacheable && this.#maxCachedStatements > 0
    const statement = isKept ? this.#cached(sql) : this.#prepare(sql)
    try {
      if (!statement.returnsRows) return statement.run(parameters)
      return { rows: kind === 'read' ? statement.read(parameters) : statement.readOnce(parameters) }
    } finally {
      if (!isKept) statement.finalize()
    }
  }

  exec(sql: string): void {
    // Prepared like any other, not the driver's exec: the errors of that one carry no result code on Deno.
    this.execute({ sql, parameters: [], kind: 'alone', cacheable: false })
  }

  begin(mode: BeginMode): void {
    this.execute(begins[mode])
  }

  commit(): void {
    this.execute(commit)
  }

  rollback(): void {
    this.execute(rollback)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // What is left of a statement keeps `-wal` and `-shm` on disk (bun:sqlite) or forbids to close (better-sqlite3).
    for (const free of this.#streams) free()
    for (const statement of this.#cache.values()) statement.finalize()
    this.#cache.clear()
    this.#newest = undefined
    this.#database.close()
    this.#release()
  }

  #cached(sql: string): ExactStatement {
    if (this.#newest !== undefined && this.#newestSql === sql) return this.#newest
    const found = this.#cache.get(sql)
    const statement = found ?? this.#prepare(sql)
    if (found !== undefined) this.#cache.delete(sql)
    this.#cache.set(sql, statement)
    this.#newestSql = sql
    this.#newest = statement
    if (this.#cache.size > this.#maxCachedStatements) this.#evictOldest()
    return statement
  }

  #evictOldest(): void {
    for (const [sql, statement] of this.#cache) {
      this.#cache.delete(sql)
      statement.finalize()
      return
    }
  }

  #prepare(sql: string): ExactStatement {
    return new ExactStatement(this.#database.prepare(sql), this.#integers)
  }

  *#stream({ sql, parameters }: Statement): Generator<Row, void, undefined> {
    // Prepared for itself: the cached one may be used again before the stream ends, which would reset it.
    const statement = this.#prepare(sql)
    let rows: Iterator<Row> | undefined
    const free = (): void => {
      if (!this.#streams.delete(free)) return
      rows?.return?.()
      statement.finalize()
    }
    this.#streams.add(free)
    try {
      rows = statement.iterate(parameters)
      for (let next = rows.next(); next.done !== true; next = rows.next()) yield next.value
    } finally {
      free()
    }
  }
}

function control(sql: string): Statement {
  return { sql, parameters: [], kind: 'control', cacheable: true }
}
