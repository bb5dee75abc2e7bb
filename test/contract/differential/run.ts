/**
 * Runs one generated program on a storage and writes down all that it answers, exactly and as JSON: so that answers of
 * different drivers, and of other processes, can be compared as text.
 *
 * @module
 */
import { CompiledQuery, type Kysely, type QueryResult } from 'kysely'
import { type SqliteError, type Storage, UnbusyError } from 'unbusy'
import type { AnyDatabase } from '../case.ts'
import type { Program } from './program.ts'
import type { ProgramStep } from './step.ts'
import { decode, encode } from './values.ts'

/** A line for each step: the statement, and what it answered. */
export type Transcript = readonly string[]

class RolledBack extends Error {}

/** Runs all blocks of a program on an empty database. */
export async function runProgram({ db }: Storage<AnyDatabase>, program: Program): Promise<Transcript> {
  const lines: string[] = []
  for (const { end, steps } of program) {
    if (end === 'alone') {
      await runSteps(db, steps, lines)
      continue
    }
    const transaction = db.transaction().execute(async (trx) => {
      await runSteps(trx, steps, lines)
      if (end === 'rollback') throw new RolledBack()
    })
    await transaction.catch((error) => {
      if (!(error instanceof RolledBack)) throw error
    })
  }
  return lines
}

async function runSteps(
  db: Kysely<AnyDatabase>,
  steps: readonly ProgramStep[],
  lines: string[],
): Promise<void> {
  for (const step of steps) {
    const answer = await runStep(db, step).catch(describeError)
    lines.push(`${step.sql} ${JSON.stringify(step.parameters)} => ${JSON.stringify(answer)}`)
  }
}

async function runStep(
  db: Kysely<AnyDatabase>,
  { sql, parameters, chunkSize }: ProgramStep,
): Promise<unknown> {
  const query = CompiledQuery.raw(sql, parameters.map(decode))
  if (chunkSize === undefined) return describeResult(await db.executeQuery(query))
  const rows: unknown[] = []
  for await (const chunk of db.getExecutor().stream(query, chunkSize)) rows.push(...chunk.rows)
  return describeResult({ rows })
}

function describeResult({ rows, insertId, numAffectedRows }: QueryResult<unknown>): unknown {
  return {
    rows: rows.map((row) => Object.entries(row as object).map(([name, value]) => [name, encode(value)])),
    insertId: insertId?.toString(),
    numAffectedRows: numAffectedRows?.toString(),
  }
}

function describeError(error: unknown): unknown {
  if (!(error instanceof UnbusyError)) return { foreignError: String(error) }
  return { name: error.name, code: (error as SqliteError).code, message: error.message }
}
