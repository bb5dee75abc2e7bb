/**
 * Many writes, one round trip (contract C5 where the engine is behind a network). Units that wait together go to the
 * server as one batch, which it commits or undoes as a whole. Where one statement undid it for all, every unit is sent
 * again by itself, in order, and only what fails alone rejects. Where the answer was lost, nothing is sent again but what
 * an idempotency key makes safe (C16).
 *
 * @module
 */
import type { PatientConnection } from './connection.ts'
import type { Statement, StatementResult } from './connector.ts'
import { OutcomeUnknownError } from './errors.ts'
import { changesSchema, maxGroupStatements } from './group-commit.ts'
import { type LockWait, restartLockWait } from './lock-wait.ts'
import type { WriteUnit } from './write-unit.ts'

/** What became of a group: its results, statement by statement, or the error for which all of it was undone. */
export type BatchAnswer = { readonly results: readonly StatementResult[] } | { readonly error: unknown }

/**
 * A deferred foreign key is checked at COMMIT, so one unit could violate it and a neighbour satisfy it: both would go
 * through. Asked in the same round trip: where the schema has one, this fails, the batch is undone, and each unit runs
 * alone.
 */
const refuseDeferredKeys: Statement = {
  sql: "select json('no group: the schema has deferred keys') from sqlite_schema where type = 'table' and sql like '%initially%deferred%' limit 1",
  parameters: [],
  kind: 'read',
  cacheable: true,
}

/** Whether a group takes no more units: what follows a change of the schema may stand on other foreign keys. */
export function isGroupFull(units: readonly WriteUnit[]): boolean {
  const last = units.at(-1)
  if (last === undefined || changesSchema(last)) return last !== undefined
  let statementCount = 0
  for (const { statements } of units) statementCount += statements.length
  return statementCount >= maxGroupStatements
}

/**
 * Sends the group.
 *
 * @throws What {@linkcode PatientConnection.isBusy} knows; nothing of the group has happened then.
 */
export async function sendGroup(
  writer: PatientConnection,
  units: readonly WriteUnit[],
): Promise<BatchAnswer> {
  const statements: Statement[] = units.flatMap((unit) => unit.statements)
  const isShared = units.length > 1
  try {
    const results = await writer.tryBatch(isShared ? [refuseDeferredKeys, ...statements] : statements)
    return { results: isShared ? results.slice(1) : results }
  } catch (error) {
    if (writer.isBusy(error)) throw error
    return { error }
  }
}

/** Gives every unit its results or its error, sending those again that are still to be judged. */
export async function settleGroup(
  writer: PatientConnection,
  units: readonly WriteUnit[],
  answer: BatchAnswer,
  endedAtMs: number,
): Promise<void> {
  if ('results' in answer) return share(units, answer.results)
  const { error } = answer
  for (const unit of units) {
    if (error instanceof OutcomeUnknownError && !unit.isRepeatable) {
      // One of its own for each: the stack of its caller is added to it.
      unit.error = new OutcomeUnknownError(error.message, { cause: error.cause })
    } else if (units.length === 1 && !unit.isRepeatable) {
      unit.error = error
    } else {
      await sendAlone(writer, unit, restartLockWait(unit.wait, endedAtMs))
    }
  }
}

function share(units: readonly WriteUnit[], results: readonly StatementResult[]): void {
  let from = 0
  for (const unit of units) {
    const count = unit.statements.length
    unit.results = results.slice(from, from + count)
    from += count
  }
}

/** The group is undone, or may be repeated, so this is no second time. */
async function sendAlone(writer: PatientConnection, unit: WriteUnit, wait: LockWait): Promise<void> {
  try {
    const results = await writer.batch(unit.statements, wait, unit.isRepeatable)
    unit.results = [...results]
  } catch (error) {
    unit.error = error
  }
}
