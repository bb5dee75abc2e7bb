/**
 * The same generated programs store and answer the same with every driver of this runtime. Across runtimes:
 * `test/processes/differential.test.ts`.
 *
 * @module
 */
import * as fc from 'fast-check'
import { openStorage } from 'unbusy'
import { describe, expect, it } from 'vitest'
import type { AnyDatabase } from './case.ts'
import { type Program, program } from './differential/program.ts'
import { runProgram, type Transcript } from './differential/run.ts'
import { type ConnectorName, connectorNames, connectorTo, runtime } from './matrix.ts'

async function transcriptOf(connector: ConnectorName, generated: Program): Promise<Transcript> {
  await using storage = await openStorage<AnyDatabase>({
    connector: await connectorTo(connector, ':memory:'),
    onWarning: () => {},
  })
  return await runProgram(storage, generated)
}

const property = fc.asyncProperty(program, async (generated) => {
  const [first, ...others] = connectorNames
  const expected = await transcriptOf(first as ConnectorName, generated)
  expect(expected.join('\n')).not.toMatch(/foreignError|unexpected/)
  for (const other of others) {
    const transcript = await transcriptOf(other, generated)
    // Line by line: the first one that differs says which statement it was.
    for (const [index, line] of transcript.entries())
      expect(`${other}: ${line}`).toBe(`${other}: ${expected[index]}`)
  }
})

describe(`differential on ${runtime} with ${connectorNames.join(' and ')}`, () => {
  it('C8 the programs of a fixed seed', { timeout: 60_000 }, async () => {
    await fc.assert(property, { seed: 20_260, numRuns: 60 })
  })

  it('C8 the programs of a fresh seed, which is named when they fail', { timeout: 60_000 }, async () => {
    await fc.assert(property, { numRuns: 60 })
  })
})
