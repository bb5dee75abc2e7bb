/**
 * What the library calls a connection to D1: none is ever opened, each call is a request to the database of a binding.
 *
 * @module
 */
import type { Connection, Statement, StatementResult } from '../src/connector.ts'
import { InvalidStatementError, UnsupportedError } from '../src/errors.ts'
import type { BoundValue, Row, SqlValue } from '../src/values.ts'
import { d1ReadError } from './_d1-errors.ts'
import { answeredWithin } from './_request-timeout.ts'

/** The part of Cloudflare's `D1Database` that is used; structural, so that its types need not be installed. */
export interface D1DatabaseLike {
  prepare(sql: string): D1StatementLike
  batch(statements: never[]): Promise<unknown[]>
}

/** The part of `D1PreparedStatement` that is used. */
export interface D1StatementLike {
  bind(...values: unknown[]): D1StatementLike
  all(): Promise<unknown>
}

/** What a statement answers. */
interface D1Answer {
  readonly success?: boolean
  /** What went wrong. */
  readonly error?: unknown
  readonly results?: readonly Record<string, unknown>[]
  readonly meta: { readonly changes?: number; readonly last_row_id?: number }
}

/** The port's Connection over a D1 binding. */
export class D1Connection implements Connection {
  readonly inTransaction = false
  readonly #database: D1DatabaseLike
  readonly #requestTimeoutMs: number

  constructor(database: D1DatabaseLike, requestTimeoutMs: number) {
    this.#database = database
    this.#requestTimeoutMs = requestTimeoutMs
  }

  get native(): unknown {
    return this.#database
  }

  async execute(statement: Statement): Promise<StatementResult> {
    const bound = this.#bound(statement)
    try {
      return resultOf((await this.#inTime(bound.all())) as D1Answer)
    } catch (error) {
      throw statement.kind === 'read' ? d1ReadError(error) : error
    }
  }

  /** D1 runs a batch in one transaction: when one statement fails, nothing of the batch is stored. */
  async executeBatch(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    const bound = statements.map((statement) => this.#bound(statement))
    try {
      const answers = await this.#inTime(this.#database.batch(bound as never[]))
      return (answers as D1Answer[]).map(resultOf)
    } catch (error) {
      throw statements.every(({ kind }) => kind === 'read') ? d1ReadError(error) : error
    }
  }

  async exec(sql: string): Promise<void> {
    await this.#inTime(this.#database.prepare(sql).all())
  }

  begin(): never {
    throw noTransactions()
  }

  commit(): never {
    throw noTransactions()
  }

  rollback(): void {}

  close(): void {}

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return answeredWithin(this.#requestTimeoutMs, 'D1', answer)
  }

  #bound({ sql, parameters }: Statement): D1StatementLike {
    const prepared = this.#database.prepare(sql)
    return parameters.length === 0 ? prepared : prepared.bind(...parameters.map(toD1))
  }
}

function noTransactions(): UnsupportedError {
  return new UnsupportedError('Cannot begin a transaction as d1 has none whose statements follow each other')
}

/** D1 takes no bigint, and binds every number as REAL: columns of INTEGER or NUMERIC affinity turn whole ones back. */
function toD1(value: BoundValue, index: number): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  const what = `parameter ${index + 1} as it is a bigint beyond 2^53`
  throw new InvalidStatementError(`Cannot bind ${what}: D1 would store it rounded; text keeps such digits`)
}

/** The binding throws what the first answer of a batch says of a failure, and hands those of the others on. */
function resultOf({ success, error, results = [], meta }: D1Answer): StatementResult {
  if (success === false) throw new Error(String(error ?? 'D1 answered that it did not succeed'))
  return {
    rows: results.map(toRow),
    ...(meta.changes !== undefined && { changes: meta.changes }),
    ...(meta.last_row_id !== undefined && { lastInsertRowid: meta.last_row_id }),
  }
}

/** The rows are ours: D1 has parsed them for this call. A list of numbers in one is a blob. */
function toRow(given: Record<string, unknown>): Row {
  for (const column in given) {
    const value = given[column]
    if (Array.isArray(value)) given[column] = Uint8Array.from(value)
    else if (value instanceof ArrayBuffer) given[column] = new Uint8Array(value)
  }
  return given as Record<string, SqlValue>
}
