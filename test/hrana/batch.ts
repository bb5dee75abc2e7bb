/**
 * Batches: steps that run when what came before them has gone as they want it.
 *
 * @module
 */
import {
  HranaError,
  ProtocolError,
  type StatementResult,
  type WireBatch,
  type WireCondition,
  type WireError,
  type WireStatement,
} from './protocol.ts'

/** One place for each step in both lists; a step that did not run has null in both. */
export interface BatchResult {
  readonly step_results: (StatementResult | null)[]
  readonly step_errors: (WireError | null)[]
  readonly replication_index: null
}

/** Where the steps run. */
export interface BatchTarget {
  isAutocommit(): boolean
  execute(stmt: WireStatement): Promise<StatementResult>
  /** What every step fails with, in place of running. */
  readonly failure: HranaError | undefined
}

/**
 * Runs the steps in order; the failure of one is part of the result.
 *
 * @throws {HranaError} If the result became too large: then none of it is told.
 */
export async function runBatch({ steps }: WireBatch, target: BatchTarget): Promise<BatchResult> {
  const result: BatchResult = { step_results: [], step_errors: [], replication_index: null }
  for (const { condition, stmt } of steps) {
    let rows: StatementResult | null = null
    let error: WireError | null = target.failure?.toWire() ?? null
    if (error === null && (!condition || holds(condition, result, target))) {
      try {
        rows = await target.execute(stmt)
      } catch (failure) {
        if (!(failure instanceof HranaError) || failure.code === 'RESPONSE_TOO_LARGE') throw failure
        error = failure.toWire()
      }
    }
    result.step_results.push(rows)
    result.step_errors.push(error)
  }
  return result
}

/** @throws {ProtocolError} If a condition looks forward, or asks for what the version does not have. */
export function checkConditions({ steps }: WireBatch, version: 2 | 3): void {
  for (const [index, { condition }] of steps.entries()) {
    if (condition) checkCondition(condition, index, version)
  }
}

/** @throws {ProtocolError} */
export function requireVersion3(version: 2 | 3, what: string): void {
  if (version < 3) throw new ProtocolError(`${what} is only supported in protocol version hrana3 and higher`)
}

function checkCondition(condition: WireCondition, index: number, version: 2 | 3): void {
  if (condition.type === 'not') checkCondition(condition.cond, index, version)
  else if (condition.type === 'is_autocommit') requireVersion3(version, 'BatchCond of type `is_autocommit`')
  else if (condition.type === 'ok' || condition.type === 'error') {
    if (condition.step >= index) throw new ProtocolError('Invalid reference to step in a batch condition')
  } else for (const part of condition.conds) checkCondition(part, index, version)
}

function holds(condition: WireCondition, result: BatchResult, target: BatchTarget): boolean {
  const test = (part: WireCondition): boolean => holds(part, result, target)
  switch (condition.type) {
    case 'ok':
      return result.step_results[condition.step] !== null
    case 'error':
      // sqld 0.24: it holds for a step that did not run too.
      return result.step_results[condition.step] === null
    case 'not':
      return !test(condition.cond)
    case 'and':
      return condition.conds.every(test)
    case 'or':
      return condition.conds.some(test)
    case 'is_autocommit':
      return target.isAutocommit()
  }
}
