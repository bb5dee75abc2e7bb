/**
 * Writes any number of rows: in slices of 1,000 with a turn of the event loop between them, or all at once. Each slice is
 * one unit of the write queue, so it is committed as a whole and takes one lock cycle (contracts C5 and C7).
 *
 * @module
 */
import type { BulkRow } from './bulk/cells.ts'
import { type BulkOrder, positionsOf, slicesOf } from './bulk/order.ts'
import { type BulkLimits, queriesOf, type TextOf } from './bulk/queries.ts'
import type { BulkRows } from './bulk/rows.ts'
import type { QueryText } from './connection/statement.ts'
import { BulkWriteError, ConstraintError, withCallerStack } from './errors.ts'
import type { PartOfCall, WriteOptions } from './options/pool-options.ts'

/** Rows a slice: 3 to 5 ms of work. */
export const sliceRows = 1_000

/** How one bulk call is written. */
export interface BulkOptions extends WriteOptions {
  /**
   * Writes all rows in one lock cycle, all or none of them. Otherwise slices of 1,000 rows are committed one by one, so
   * that others write in between; what was committed stays when a later slice fails.
   * @default {false}
   */
  readonly atomic?: boolean
}

/** What a bulk call did. */
export interface BulkResult {
  /** Rows inserted, updated or deleted; those that a condition, or a conflict, left as they were do not count. */
  readonly changes: number
  /** Whether an earlier call with the same idempotencyKey had written rows: nobody kept how many, and they do not count. */
  readonly isRepeated?: true
}

/** Where slices are written to. */
export interface BulkHost {
  /** Whether all that is written belongs together anyway, as in a transaction: there is nothing to slice. */
  readonly isOneUnit: boolean
  /** What one statement may have. */
  readonly limits: BulkLimits
  now(): number
  nextTurn(): Promise<void>
  /** Starts the budget of a call: until when it may wait. */
  deadlineMs(options: WriteOptions): number
  /** Writes all of the queries or none, and answers how many rows they changed; `undefined` if an earlier call did it. */
  write(queries: readonly QueryText[], options: WriteOptions & PartOfCall): Promise<number | undefined>
}

/** What is written: the caller's rows, where they are read into cells, and their statements. */
export interface BulkWork {
  readonly given: readonly object[]
  readonly rows: BulkRows
  readonly textOf: TextOf
  readonly order: BulkOrder
}

/**
 * Writes the rows. Every value is looked at before the first one is written.
 *
 * @throws {InvalidStatementError} If a row cannot be written; nothing was.
 * @throws {BulkWriteError} If one of several slices failed.
 * @throws {UnbusyError} Why nothing was written, if there was one slice or `atomic`.
 */
export async function writeBulk(host: BulkHost, work: BulkWork, options: BulkOptions): Promise<BulkResult> {
  try {
    const { atomic = false, ...waitOptions } = options
    const wait: WriteOptions = { lane: 'background', ...waitOptions }
    const calledAtMs = host.now()
    const deadlineMs = host.deadlineMs(wait)
    // Each slice has its own place in the lane, but one budget: with the age of the call it would rise, and the lanes
    // above would wait for all slices instead of one.
    const waitNow = (): WriteOptions & PartOfCall => ({
      ...wait,
      calledAtMs,
      lockTimeoutMs: Math.max(0, deadlineMs - host.now()),
    })
    // One slice enters the queue before this call returns, so it keeps its place among the caller's other writes.
    for (let start = 0; start < work.given.length; start += sliceRows) {
      if (start > 0) await host.nextTurn()
      const end = Math.min(start + sliceRows, work.given.length)
      for (let index = start; index < end; index++) work.rows.add(work.given[index] as object)
    }
    const { rows } = work.rows
    if (rows.length === 0) return { changes: 0 }
    if (rows.length <= sliceRows) return resultOf([await writeTogether(host, work, rows, waitNow)])
    if (!atomic && !host.isOneUnit) return resultOf(await writeSlices(host, work, waitNow))
    // In the order of slices too: each statement of a transaction keeps a copy of all pages that it changes.
    const ordered = [...slicesFor(work)].flat()
    return resultOf([await writeTogether(host, work, ordered, waitNow, rows)])
  } catch (error) {
    throw withCallerStack(error)
  }
}

/**
 * Writes rows, all of them or none, in the order that takes the fewest statements. Where that puts a row before another that
 * it refers to, a foreign key refuses it: nothing is stored then, and they go in the order in which they were given.
 */
async function writeTogether(
  host: BulkHost,
  work: BulkWork,
  rows: readonly BulkRow[],
  waitNow: () => WriteOptions & PartOfCall,
  given: readonly BulkRow[] = rows,
): Promise<number | undefined> {
  const queries = queriesFor(host, work, rows)
  try {
    return await host.write(queries, waitNow())
  } catch (error) {
    // What is written in a transaction of the caller is not undone.
    if (host.isOneUnit || queries.length === 1 || !isForeignKey(error)) throw error
    return host.write(queriesFor(host, work, given, 'kept'), waitNow())
  }
}

function isForeignKey(error: unknown): boolean {
  return error instanceof ConstraintError && error.code === 'SQLITE_CONSTRAINT_FOREIGNKEY'
}

async function writeSlices(
  host: BulkHost,
  work: BulkWork,
  waitNow: () => WriteOptions & PartOfCall,
): Promise<(number | undefined)[]> {
  const slices = slicesFor(work)
  const counts: (number | undefined)[] = []
  let isFirst = true
  let number = 0
  for (const slice of slices) {
    if (!isFirst) await host.nextTurn()
    isFirst = false
    try {
      const ofThis = number++
      counts.push(await writeTogether(host, work, slice, () => ofSlice(waitNow(), ofThis)))
    } catch (error) {
      const untried = positionsOf([...slices].flat())
      const { changes } = resultOf(counts)
      const failure = { failed: positionsOf(slice), untried, total: work.given.length, changes }
      throw new BulkWriteError(failure, { cause: error })
    }
  }
  return counts
}

function resultOf(counts: readonly (number | undefined)[]): BulkResult {
  const changes = counts.reduce<number>((sum, count = 0) => sum + count, 0)
  return counts.includes(undefined) ? { changes, isRepeated: true } : { changes }
}

function slicesFor({ rows, order }: BulkWork): Generator<readonly BulkRow[], void> {
  return slicesOf(rows.rows, sliceRows, order === 'free' && rows.areAlike)
}

function queriesFor(
  host: BulkHost,
  work: BulkWork,
  rows: readonly BulkRow[],
  order: BulkOrder = work.order,
): QueryText[] {
  return queriesOf(rows, work.textOf, work.rows.areAlike, host.limits, order)
}

/** Each slice is a write of its own, and so is its key. */
function ofSlice(options: WriteOptions & PartOfCall, number: number): WriteOptions & PartOfCall {
  const { idempotencyKey } = options
  return idempotencyKey === undefined
    ? options
    : { ...options, idempotencyKey: `${idempotencyKey}/${number}` }
}
