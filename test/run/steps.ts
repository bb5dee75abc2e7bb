/**
 * The list of everything that `npm test` does, in order: the static checks, then the one test suite on each runtime.
 * Adding a check or a runtime is adding a line here.
 *
 * @module
 */
import { serverFiles } from '../contract/server-files.ts'
import type { RuntimeName } from './tally.ts'

/** One command of the run, and how its result is read. */
export interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** After this time the command and its children are killed, and the step has failed. */
  readonly timeLimitMs: number
  /** The runtime whose tally the step must write; without it the step counts as one test, by its exit code. */
  readonly tallies?: RuntimeName
  /** Runs only when it is named. */
  readonly isOnRequest?: true
}

const checkLimitMs = 2 * 60_000
/** Two to three times what a suite takes on two quiet cores. */
const suiteLimitMs = 8 * 60_000

/** Every step, in the order in which they run. */
export const steps: readonly Step[] = [
  { name: 'lint', command: 'biome', args: ['check'], timeLimitMs: checkLimitMs },
  { name: 'typecheck', command: 'tsc', args: ['-p', 'tsconfig.json'], timeLimitMs: checkLimitMs },
  { name: 'cycles', command: 'node', args: ['test/run/check-cycles.ts'], timeLimitMs: checkLimitMs },
  { name: 'exports', command: 'node', args: ['test/run/check-exports.ts'], timeLimitMs: checkLimitMs },
  { name: 'size', command: 'node', args: ['test/run/size.ts'], timeLimitMs: checkLimitMs },
  { name: 'node', command: 'vitest', args: ['run'], timeLimitMs: suiteLimitMs, tallies: 'node' },
  // Tier B, against LIBSQL_SERVER_URL where it is set, else the in-repo server.
  {
    name: 'remote',
    command: 'env',
    args: [
      'CONNECTORS=libsql-server',
      'vitest',
      'run',
      'test/remote/',
      'test/hrana/',
      ...serverFiles.map((name) => `test/contract/${name}.test.ts`),
    ],
    timeLimitMs: suiteLimitMs,
    tallies: 'node',
    isOnRequest: true,
  },
  // Without --bun, Bun obeys vitest's shebang and the suite would run on Node.
  {
    name: 'bun',
    command: 'bun',
    args: ['--bun', 'vitest', 'run'],
    timeLimitMs: suiteLimitMs,
    tallies: 'bun',
  },
  {
    name: 'deno',
    command: 'deno',
    args: ['run', '-A', 'npm:vitest', 'run'],
    timeLimitMs: suiteLimitMs,
    tallies: 'deno',
  },
]
