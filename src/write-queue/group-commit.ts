/**
 * Many writes, one lock cycle (contract C5). Units that wait together run in one transaction and resolve after its
 * COMMIT. A statement that fails is undone by SQLite alone, so its neighbours commit; where the failure, or the COMMIT,
 * ended the whole transaction, every unit runs again by itself and only what fails alone rejects.
 *
 * @module
 */
import { runAtomically } from '../connection/atomic-unit.ts'
import type { DirectConnection } from '../connection/direct-connection.ts'
import type { PatientConnection } from '../connection.ts'
import type { MaybePromise, Statement, StatementResult } from '../connector.ts'
import { restartLockWait } from '../lock-wait.ts'
import type { WriteUnit } from './write-unit.ts'

/** A group is committed after so many statements, or so long: then others get their turn. */
export const maxGroupStatements = 512
const maxGroupMs = 5

/**
 * Runs units in the transaction that is open on `writer` and commits; each then has its results, or its error.
 *
 * @param units Is filled with the units of the group.
 * @param take Gives the next unit of the group and takes it out of the queue; `undefined` ends the group.
 * @param maxUnits 1 where units must not share a COMMIT: a deferred foreign key that one violates and its neighbour
 *   satisfies would let both through.
 */
export async function commitGroup(
  writer: PatientConnection,
  units: WriteUnit[],
  take: () => WriteUnit | undefined,
  maxUnits: number,
): Promise<void> {
  const first = take()
  if (first === undefined) {
    // Everybody gave up while the lock was being taken.
    await writer.rollback()
    return
  }
  const { clock } = first.wait
  const endMs = clock.now() + maxGroupMs
  let statementCount = 0
  let isOpen = true
  for (let unit: WriteUnit | undefined = first; unit !== undefined; unit = take()) {
    units.push(unit)
    // Only where the driver is asynchronous is there something to await: the group must not yield between statements.
    const running = runUnit(writer.direct, unit)
    if (running !== undefined) await running
    // A server can have ended the transaction without a word: what came next would be committed by itself.
    if (unit.results === undefined && (writer.direct.isRemote || !writer.direct.inTransaction)) isOpen = false
    statementCount += unit.statements.length
    if (!isOpen || changesSchema(unit) || units.length >= maxUnits) break
    if (statementCount >= maxGroupStatements || clock.now() >= endMs) break
  }
  const endedAtMs = clock.now()
  let failure: unknown
  if (isOpen && writer.direct.inTransaction) {
    try {
      await writer.commit(first.wait)
      return
    } catch (error) {
      failure = error
    }
  }
  await writer.rollback()
  // Which unit is to blame shows when each runs alone.
  for (const unit of units) if (!unit.endIfLost(failure)) await runAlone(writer, unit, endedAtMs, failure)
}

function runUnit(writer: DirectConnection, unit: WriteUnit): Promise<void> | undefined {
  const { statements } = unit
  if (statements.length !== 1 || unit.isAtomic || writer.mayRefuseRows)
    return record(unit, runAtomically(writer, statements))
  try {
    const result: MaybePromise<StatementResult> = writer.run(statements[0] as Statement)
    if (result instanceof Promise) {
      return record(
        unit,
        result.then((it) => [it]),
      )
    }
    unit.results = [result]
  } catch (error) {
    unit.error = error
  }
  return undefined
}

async function record(unit: WriteUnit, running: Promise<StatementResult[]>): Promise<void> {
  try {
    unit.results = await running
  } catch (error) {
    unit.error = error
  }
}

/**
 * The group is undone, so this is no second time: nothing of it happened yet. All units of it have their budget once
 * more from the same moment on: where readers hold the COMMIT up, they must not wait one after the other.
 */
async function runAlone(
  writer: PatientConnection,
  unit: WriteUnit,
  endedAtMs: number,
  failure: unknown,
): Promise<void> {
  const wait = restartLockWait(unit.wait, endedAtMs)
  unit.results = undefined
  try {
    const { statements } = unit
    unit.results =
      statements.length === 1
        ? [await writer.execute(statements[0] as Statement, wait)]
        : await writer.transaction(wait, () => runAtomically(writer.direct, statements))
  } catch (error) {
    unit.fail(error, failure)
  }
}

/** What follows may stand on other foreign keys. */
export function changesSchema(unit: WriteUnit): boolean {
  for (const { shape } of unit.statements) {
    const { verb } = shape
    if (verb === 'CREATE' || verb === 'ALTER' || verb === 'DROP') return true
  }
  return false
}
