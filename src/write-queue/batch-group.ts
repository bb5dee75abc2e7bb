/**
 * Many writes, one round trip (contract C5 where the engine is behind a network). Units that wait together go to the
 * server as one batch, which it commits or undoes as a whole. Where one statement undid it for all, every unit is sent
 * again by itself, in order, and only what fails alone rejects. Where the answer was lost, nothing is sent again but what
 * an idempotency key makes safe (C16).
 *
 * Loaded when a storage opens on such a server: what is local does without.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import type { Statement, StatementResult } from '../connector.ts'
import { OutcomeUnknownError, remoteError } from '../errors.ts'
import { type LockWait, restartLockWait } from '../lock-wait.ts'
import type { Clock } from '../time/clock.ts'
import { changesSchema, maxGroupStatements } from './group-commit.ts'
import type { WaitingUnits } from './waiting-units.ts'
import type { WriteUnit } from './write-unit.ts'

/** What a group is made of, and who sends it. */
export interface BatchHost {
  readonly writer: PatientConnection
  readonly clock: Clock
  readonly waiting: WaitingUnits
}

/**
 * Gives every unit of a group that was sent its results or its error, sending those again that are still to be judged.
 *
 * @param group Is filled with the units of the group.
 */
export type JudgeBatch = (group: WriteUnit[]) => Promise<void>

/** How the units whose turn it is are sent, once. Throws what a busy lock throws; nothing has changed then. */
export type TryBatch = (host: BatchHost) => Promise<JudgeBatch>

/** What became of a group: its results, statement by statement, or the error for which all of it was undone. */
type BatchAnswer = { readonly results: readonly StatementResult[] } | { readonly error: unknown }

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

/**
 * Sends what waits to the server in one round trip; what comes meanwhile grows into the next group. Met by a busy lock,
 * or no server at all, the units go on waiting.
 */
export const tryBatch: TryBatch = async ({ writer, clock, waiting }) => {
  const units = nextGroup(waiting)
  let answer: BatchAnswer
  try {
    answer = await sendGroup(writer, units)
  } catch (error) {
    waiting.returnTried(units, error)
    throw error
  }
  const endedAtMs = clock.now()
  for (const unit of units) waiting.take(unit)
  return async (group) => {
    group.push(...units)
    await judge(writer, units, answer, endedAtMs)
  }
}

/** The units whose turn it is together. They go on waiting, marked as tried. */
function nextGroup(waiting: WaitingUnits): readonly WriteUnit[] {
  const units: WriteUnit[] = []
  let statementCount = 0
  for (const unit of waiting.inTurn()) {
    if (unit.isExclusive) break
    unit.isTried = true
    units.push(unit)
    statementCount += unit.statements.length
    // What follows a change of the schema may stand on other foreign keys.
    if (changesSchema(unit) || statementCount >= maxGroupStatements) break
  }
  return units
}

/** Throws what a busy lock throws; any other error is the answer. */
async function sendGroup(writer: PatientConnection, units: readonly WriteUnit[]): Promise<BatchAnswer> {
  const statements: Statement[] = units.flatMap((unit) => unit.statements)
  const isShared = units.length > 1
  try {
    const results = await writer.direct.executeBatch(
      isShared ? [refuseDeferredKeys, ...statements] : statements,
    )
    return { results: isShared ? results.slice(1) : results }
  } catch (error) {
    const meaning = units.every(onlyReads) ? ofReads(error) : error
    if (writer.isBusy(meaning)) throw meaning
    return { error: meaning }
  }
}

/** Whether all that it does can be asked for again, as nothing of it can be stored. */
function onlyReads({ statements }: WriteUnit): boolean {
  return statements.every(({ kind }) => kind === 'read')
}

/** A lost answer, where nothing but reads was asked for. */
function ofReads(error: unknown): unknown {
  return error instanceof OutcomeUnknownError ? remoteError(error.cause, 'not-applied') : error
}

async function judge(
  writer: PatientConnection,
  units: readonly WriteUnit[],
  answer: BatchAnswer,
  endedAtMs: number,
): Promise<void> {
  if ('results' in answer) return share(units, answer.results)
  const { error } = answer
  const undecided = units.filter((unit) => {
    const isLost = !onlyReads(unit) && unit.endIfLost(error)
    // Told now, not with its group: what is sent again may take all of its budget.
    if (isLost) unit.settle()
    return !isLost
  })
  for (const unit of undecided) {
    const isReading = onlyReads(unit)
    const isUndone = isReading || !(error instanceof OutcomeUnknownError)
    if (isUndone && unit.leftBy) unit.error = unit.leftBy.error
    else if (isUndone && units.length === 1) unit.error = error
    else await sendAlone(writer, unit, restartLockWait(unit.wait, endedAtMs), isReading ? undefined : error)
    unit.settle()
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

/**
 * The group is undone, or may be repeated, so this is no second time. What can be sent again when the answer was lost is,
 * until the budget is over.
 */
async function sendAlone(
  writer: PatientConnection,
  unit: WriteUnit,
  wait: LockWait,
  failure: unknown,
): Promise<void> {
  let lost = failure
  const isReading = onlyReads(unit)
  const send = async (): Promise<readonly StatementResult[]> => {
    try {
      return await writer.direct.executeBatch(unit.statements)
    } catch (error) {
      throw isReading ? ofReads(error) : error
    }
  }
  const isPassing = (error: unknown): boolean => {
    if (writer.isBusy(error)) return true
    if (!unit.isRepeatable || !(error instanceof OutcomeUnknownError)) return false
    lost = error
    return true
  }
  try {
    unit.results = [...(await writer.withLock(wait, send, isPassing))]
  } catch (error) {
    unit.fail(error, lost)
  }
}
