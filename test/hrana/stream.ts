/**
 * One Hrana stream: a connection that runs one request after the other, with the trap of sqld in it. After a forced
 * rollback one request is told of it, and what follows runs outside of any transaction.
 *
 * @module
 */
import type { StatementScan } from '../../src/sql/statement-scan.ts'
import { boundValues, parameterNames } from './arguments.ts'
import { type BatchResult, checkConditions, requireVersion3, runBatch } from './batch.ts'
import type { Counts } from './counters.ts'
import {
  HranaError,
  ProtocolError,
  type StatementResult,
  type StreamRequest,
  type WireBatch,
  type WireStatement,
} from './protocol.ts'
import { allStatements, oneStatement } from './statement-filter.ts'
import type { StoredTexts } from './stored-texts.ts'
import { type NativeStatement, type ResponseBudget, StreamConnection } from './stream-connection.ts'
import type { NativeValue } from './values.ts'
import type { LockUser, WriteLock } from './write-lock.ts'

/** What all streams of a server share. */
export interface StreamHost {
  readonly path: string
  readonly lock: WriteLock
  readonly counts: Counts
  readonly maxResponseBytes: number
  openStreams: number
}

export class Stream implements LockUser {
  readonly #host: StreamHost
  readonly #texts: StoredTexts
  readonly #connection: StreamConnection
  #timedOut = false
  #closed = false

  constructor(host: StreamHost, texts: StoredTexts) {
    this.#host = host
    this.#texts = texts
    this.#connection = new StreamConnection(host.path)
    host.counts.streams++
    host.openStreams++
  }

  /** Runs one request. @param version 2 or 3: of the protocol that the client has chosen. */
  async respond(request: StreamRequest, version: 2 | 3): Promise<object> {
    switch (request.type) {
      case 'execute':
        this.#meetTimeout()
        return { type: 'execute', result: await this.#execute(request.stmt, this.#budget()) }
      case 'batch':
        return { type: 'batch', result: await this.#batch(request.batch, version) }
      case 'sequence':
        await this.#sequence(this.#texts.resolve(request))
        return { type: 'sequence' }
      case 'describe':
        return { type: 'describe', result: this.#describe(this.#texts.resolve(request)) }
      case 'store_sql':
        this.#texts.store(request.sql_id, request.sql)
        return { type: 'store_sql' }
      case 'close_sql':
        this.#texts.drop(request.sql_id)
        return { type: 'close_sql' }
      case 'get_autocommit':
        requireVersion3(version, 'The `get_autocommit` request')
        return { type: 'get_autocommit', is_autocommit: this.#connection.isAutocommit }
      case 'close':
        this.close()
        return { type: 'close' }
      default:
        throw new ProtocolError('Cannot deserialize client message from JSON: unknown variant of request')
    }
  }

  get isClosed(): boolean {
    return this.#closed
  }

  forceRollback(): void {
    this.#connection.rollback()
    this.#timedOut = true
    this.#host.counts.forcedRollbacks++
  }

  /** Rolls back what is open. May be called again. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#host.openStreams--
    this.#connection.rollback()
    this.#connection.close()
    this.#host.lock.release(this)
  }

  #meetTimeout(): void {
    if (!this.#timedOut) return
    this.#timedOut = false
    throw timedOut()
  }

  #budget(): ResponseBudget {
    return { leftBytes: this.#host.maxResponseBytes }
  }

  #execute(wire: WireStatement, budget: ResponseBudget): Promise<StatementResult> {
    const sql = this.#texts.resolve(wire)
    const statement = oneStatement(sql)
    const native = this.#connection.prepare(statement)
    const values = boundValues(statement, sql, wire)
    return this.#run(statement, native, values, budget)
  }

  async #run(
    statement: StatementScan,
    native: NativeStatement,
    values: readonly NativeValue[],
    budget: ResponseBudget,
  ): Promise<StatementResult> {
    const { lock, counts } = this.#host
    const before = lock.isHeldBy(this)
    if (!before && this.#connection.needsWriteLock(statement, values)) {
      await lock.acquire(this)
      if (this.#closed) throw new ProtocolError('The stream was closed')
    }
    const wasOpen = !this.#connection.isAutocommit
    try {
      counts.statements++
      const result = this.#connection.run(native, statement, values, budget)
      if (this.#connection.isAutocommit && lock.isHeldBy(this) && !isRollback(statement, wasOpen))
        counts.commits++
      return result
    } catch (error) {
      // What is busy has taken no lock: a reader whose snapshot is old stays a reader.
      if (!before && error instanceof HranaError && error.code === 'SQLITE_BUSY') lock.release(this)
      throw error
    } finally {
      if (this.#connection.isAutocommit) lock.release(this)
    }
  }

  /** A batch that is told of the timeout does not look at its conditions: every step fails. */
  async #batch(batch: WireBatch, version: 2 | 3): Promise<BatchResult> {
    for (const { stmt } of batch.steps) this.#texts.resolve(stmt)
    checkConditions(batch, version)
    const isTold = this.#timedOut
    this.#timedOut = false
    const budget = this.#budget()
    return runBatch(batch, {
      isAutocommit: () => this.#connection.isAutocommit,
      execute: (stmt) => this.#execute(stmt, budget),
      failure: isTold ? timedOut() : undefined,
    })
  }

  async #sequence(script: string): Promise<void> {
    const statements = allStatements(script)
    this.#connection.checkSyntax(statements)
    this.#meetTimeout()
    for (const statement of statements) {
      const native = this.#connection.prepare(statement)
      const values = boundValues(statement, statement.sql, {})
      await this.#run(statement, native, values, { leftBytes: Number.POSITIVE_INFINITY })
    }
  }

  #describe(sql: string): object {
    const statement = oneStatement(sql)
    const native = this.#connection.prepare(statement)
    const columns = native.reader ? native.columns() : []
    const names = parameterNames(sql)
    return {
      params: Array.from({ length: statement.parameters.parameterCount }, (_, index) => ({
        name: names.get(index) ?? null,
      })),
      cols: columns.map(({ name, type }) => ({ name, decltype: type })),
      is_explain: statement.verb === 'EXPLAIN',
      is_readonly: native.readonly || statement.verb === 'EXPLAIN',
    }
  }
}

function isRollback(statement: StatementScan, wasOpen: boolean): boolean {
  return wasOpen && statement.verb === 'ROLLBACK'
}

function timedOut(): HranaError {
  return new HranaError('TRANSACTION_TIMEOUT', 'Transaction timed out')
}
