/**
 * The same generated programs store and answer the same with every driver on every runtime. The programs run in processes
 * of all runtimes, wherever this test itself runs; so it runs on Node only.
 *
 * @module
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { program } from '../contract/differential/program.ts'
import type { Transcript } from '../contract/differential/run.ts'
import { type ConnectorName, matrix, type RuntimeName, runtime } from '../contract/matrix.ts'
import { startProgram } from './program.ts'

const targets = (Object.keys(matrix) as RuntimeName[]).flatMap((each) =>
  matrix[each].map((connector): [RuntimeName, ConnectorName] => [each, connector]),
)

/** What programs of this seed answer everywhere, by the name of the place. */
async function runEverywhere(seed: number): Promise<Map<string, Transcript[]>> {
  const programs = fc.sample(program, { seed, numRuns: 40 })
  const transcripts = await Promise.all(
    targets.map(async ([each, connector]): Promise<[string, Transcript[]]> => {
      await using running = startProgram('worker-differential', {
        runtime: each,
        connector,
        path: ':memory:',
      })
      // Lines also end with U+2028, which JSON leaves as it is.
      running.tell(encodeURIComponent(JSON.stringify(programs)))
      const answer = decodeURIComponent(await running.next<string>())
      return [`${connector} on ${each}`, JSON.parse(answer)]
    }),
  )
  return new Map(transcripts)
}

function expectSame(seed: number, everywhere: Map<string, Transcript[]>): void {
  const [expected] = everywhere.values()
  for (const [place, transcripts] of everywhere) {
    for (const [program, lines] of transcripts.entries()) {
      const name = `seed ${seed}, program ${program}, ${place}`
      for (const [index, line] of lines.entries()) {
        expect(`${name}: ${line}`).toBe(`${name}: ${expected?.[program]?.[index]}`)
      }
    }
  }
}

describe.skipIf(runtime !== 'node')('differential across runtimes (run from Node, on all of them)', () => {
  for (const [name, seed] of [
    ['a fixed seed', 7],
    ['a fresh seed', Date.now() % 2 ** 31],
  ] as const) {
    it(`C8 the programs of ${name} answer the same everywhere`, { timeout: 120_000 }, async () => {
      const everywhere = await runEverywhere(seed)

      expect([...everywhere.keys()]).toHaveLength(7)
      expectSame(seed, everywhere)
    })
  }
})
