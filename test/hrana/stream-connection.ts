/**
 * The SQLite connection of one stream, and SQLite's errors in sqld's words.
 *
 * @module
 */
import Database from 'better-sqlite3'
import type { StatementScan } from '../../src/sql/statement-scan.ts'
import { HranaError, type StatementResult } from './protocol.ts'
import { parseError } from './statement-filter.ts'
import { type NativeValue, sizeOf, toWire } from './values.ts'

/** How many bytes of values the answer to one request may still hold. */
export interface ResponseBudget {
  leftBytes: number
}

const changing: ReadonlySet<string> = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE'])
const inserting: ReadonlySet<string> = new Set(['INSERT', 'REPLACE'])

export type NativeStatement = Database.Statement<NativeValue[], NativeValue[]>

export class StreamConnection {
  readonly #database: Database.Database

  constructor(path: string) {
    // sqld: busy_timeout 100, synchronous 1. It matters only against other processes on the same file.
    this.#database = new Database(path, { timeout: 100 })
    this.#database.exec('PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    this.#database.defaultSafeIntegers(true)
  }

  get isAutocommit(): boolean {
    return !this.#database.inTransaction
  }

  /** @throws {HranaError} If SQLite does not take it. */
  prepare(statement: StatementScan): NativeStatement {
    try {
      return this.#database.prepare(statement.parameters.sql)
    } catch (error) {
      throw translated(error, statement.parameters.sql)
    }
  }

  /** Whether it begins to write, by SQLite's own program for it: a CREATE IF NOT EXISTS of what is there does not. */
  needsWriteLock({ verb, parameters }: StatementScan, values: readonly NativeValue[]): boolean {
    if (verb === 'SELECT' || verb === 'EXPLAIN') return false
    const explain = this.#database.prepare<NativeValue[], { opcode: string; p2: bigint }>(
      `EXPLAIN ${parameters.sql}`,
    )
    return explain.all(...values).some(({ opcode, p2 }) => opcode === 'Transaction' && p2 > 0n)
  }

  /** @throws {HranaError} What the statement fails with. */
  run(
    native: NativeStatement,
    statement: StatementScan,
    values: readonly NativeValue[],
    budget: ResponseBudget,
  ): StatementResult {
    const startedAt = performance.now()
    try {
      const rows: NativeValue[][] = []
      if (native.reader) {
        for (const row of native.raw(true).iterate(...values)) {
          for (const value of row) budget.leftBytes -= sizeOf(value)
          if (budget.leftBytes < 0) throw new HranaError('RESPONSE_TOO_LARGE', 'Response is too large')
          rows.push(row)
        }
      } else native.run(...values)
      const [changes, rowid] = this.#database
        .prepare<[], [bigint, bigint]>('SELECT changes(), last_insert_rowid()')
        .raw(true)
        .get() ?? [0n, 0n]
      const columns = native.reader ? native.columns() : []
      return {
        cols: columns.map(({ name, type }) => ({ name, decltype: type })),
        rows: rows.map((row) => row.map(toWire)),
        affected_row_count: changing.has(statement.verb) ? Number(changes) : 0,
        last_insert_rowid: inserting.has(statement.verb) ? String(rowid) : null,
        replication_index: null,
        rows_read: 0,
        rows_written: 0,
        query_duration_ms: performance.now() - startedAt,
      }
    } catch (error) {
      throw translated(error, statement.parameters.sql)
    }
  }

  /**
   * sqld reads a whole script before it runs any of it.
   *
   * @throws {HranaError} If a statement is no SQL; whether its tables are there cannot be known before.
   */
  checkSyntax(statements: readonly StatementScan[]): void {
    for (const statement of statements) {
      try {
        this.prepare(statement)
      } catch (error) {
        if ((error as HranaError).code === 'SQL_PARSE_ERROR') throw error
      }
    }
  }

  rollback(): void {
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
  }

  close(): void {
    this.#database.close()
  }
}

/** Which errors come with a place in the text: sqld gives these another code. */
const withOffset =
  /^(?:no such column: (\S+)|no such function: (\S+)|ambiguous column name: (\S+)|wrong number of arguments to function (\w+)\(\)|misuse of aggregate(?: function)?:? (\w+)\(\)|table (\S+) already exists)/

function translated(error: unknown, sql: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error
  const { code, message } = error
  if (/syntax error|unrecognized token|incomplete input/.test(message)) return parseError(message)
  const placed = code === 'SQLITE_ERROR' ? withOffset.exec(message) : null
  const isUpdate = /^\s*update\b/i.test(sql)
  if (placed !== null && !isUpdate) {
    const name = placed.slice(1).find((part) => part !== undefined) ?? ''
    const offset = new TextEncoder().encode(sql.slice(0, Math.max(0, sql.indexOf(name)))).length
    return new HranaError('SQL_INPUT_ERROR', `SQL input error: ${message} (at offset ${offset})`)
  }
  const [base = code] = /^SQLITE_[A-Z]+/.exec(code) ?? []
  return new HranaError(base === 'SQLITE_ERROR' ? 'SQLITE_UNKNOWN' : base, `SQLite error: ${message}`)
}
