/**
 * The benches run and answer numbers that can be read by a program. What the numbers are is for a quiet machine to say.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

interface Line {
  readonly suite: string
  readonly case: string
  readonly connector: string
  readonly ratio: number
  readonly rounds: number
  readonly spread: number
  readonly lockCycles?: number
}

/** The cases that a suite must answer even when it is quick. */
const cases: Readonly<Record<string, readonly string[]>> = {
  flush: ['flush/10-vs-loop', 'flush/1000-vs-loop', 'flush/1000-vs-raw'],
  insert: [
    'insert/1-vs-kysely',
    'insert/64-vs-kysely',
    'insert/64-prepared-vs-kysely',
    'insert/256-prepared-vs-raw',
    'insert/64-full-vs-kysely',
  ],
  lanes: ['lanes/control-lock-wait', 'lanes/slice'],
  enqueue: ['enqueue/append', 'enqueue/append-full', 'enqueue/memory'],
}

const runFile = promisify(execFile)
const bench = fileURLToPath(new URL('../../bench/bench.ts', import.meta.url))
const args = ['--conditions=unbusy-source', bench]
// The runtimes differ in how a program is started; the suite starts them all from Node.
const isNode = !('Bun' in globalThis) && !('Deno' in globalThis)

describe.runIf(isNode)('npm run bench', () => {
  for (const [suite, expected] of Object.entries(cases)) {
    it(`${suite} --json prints a line of JSON for each case, with numbers that compare`, async () => {
      const { stdout } = await runFile(process.execPath, [...args, suite, '--quick', '--json'])

      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line)
      expect(lines.map((line) => line.case)).toEqual(expect.arrayContaining([...expected]))
      for (const line of lines) {
        expect(line).toMatchObject({ suite, connector: 'better-sqlite3' })
        expect(line.ratio, line.case).toBeGreaterThan(0)
        expect(line.rounds, line.case).toBeGreaterThan(0)
        expect(line.spread, line.case).toBeGreaterThanOrEqual(0)
        // One slice is one lock cycle, whatever the machine does.
        if (suite === 'flush') expect(line.lockCycles, line.case).toBe(1)
      }
    })
  }

  it('without --json prints the wanted number and a verdict beside each case', async () => {
    const { stdout } = await runFile(process.execPath, [...args, 'enqueue', '--quick'])

    expect(stdout).toMatch(/^enqueue\/append +[\d.]+ +1 +(ok|short) /m)
  })

  it('refuses a suite and a connector that it does not know', async () => {
    await expect(runFile(process.execPath, [...args, 'speed'])).rejects.toThrow(
      'Cannot run suite speed: it must be one of flush, insert, lanes, enqueue',
    )
    await expect(runFile(process.execPath, [...args, '--connector', 'mysql'])).rejects.toThrow(
      'Cannot run connector mysql: it must be one of better-sqlite3, node-sqlite, bun-sqlite, libsql',
    )
  })
})
