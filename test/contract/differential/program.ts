/**
 * Generates programs for the differential test: two tables, statements alone and in transactions, and at the end all
 * that is stored.
 *
 * @module
 */
import * as fc from 'fast-check'
import { aggregate, select } from './reads.ts'
import type { ProgramStep } from './step.ts'
import { createTable, createTrigger, dump, type Table, table } from './tables.ts'
import { insert, remove, update } from './writes.ts'

/** Statements that run alone, or in a transaction that is committed or rolled back. */
export interface ProgramBlock {
  readonly end: 'alone' | 'commit' | 'rollback'
  readonly steps: readonly ProgramStep[]
}

export type Program = readonly ProgramBlock[]

export const program: fc.Arbitrary<Program> = fc
  .tuple(table('t0'), table('t1'), fc.boolean())
  .chain(([first, second, hasTrigger]) => {
    const triggers = hasTrigger ? [createTrigger(first, second)] : []
    const schema: ProgramBlock = {
      end: 'alone',
      steps: [createTable(first), createTable(second), ...triggers],
    }
    const rest: ProgramBlock = { end: 'alone', steps: [dump(first), dump(second)] }
    return fc
      .array(block(first, second), { minLength: 1, maxLength: 6, size: 'max' })
      .map((blocks) => [schema, ...blocks, rest])
  })

function block(first: Table, second: Table): fc.Arbitrary<ProgramBlock> {
  const step = fc.oneof(
    { weight: 4, arbitrary: insert(first) },
    { weight: 2, arbitrary: insert(second) },
    { weight: 2, arbitrary: update(first) },
    { weight: 1, arbitrary: remove(first) },
    { weight: 4, arbitrary: select(first) },
    { weight: 1, arbitrary: aggregate(first) },
  )
  return fc.record({
    end: fc.constantFrom('alone', 'alone', 'commit', 'rollback'),
    steps: fc.array(step, { minLength: 1, maxLength: 6 }),
  })
}
