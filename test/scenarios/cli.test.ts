/** How `npm run scenario` is called. On Node only: it is a program of its own. */
import { execFile } from 'node:child_process'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'

function callScenario(
  ...args: readonly string[]
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const program = ['--conditions=unbusy-source', 'bench/scenario.ts', ...args]
    execFile(process.execPath, program, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

describe.runIf(runtime === 'node')('scenario command (on Node only)', () => {
  it.each([
    [['I9'], 'Cannot run I9: the scenarios are I1 | I2 | I3 | I4 | I5'],
    [['I1', '--josn'], "Unknown option '--josn'"],
    [['I1', 'I4'], 'Cannot run 2 scenarios: name one of I1 | I2 | I3 | I4 | I5'],
    [[], 'Cannot run 0 scenarios: name one of I1 | I2 | I3 | I4 | I5'],
  ])('%j is refused with a reason and exit code 2', async (args, reason) => {
    const { code, stdout, stderr } = await callScenario(...args)

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(reason)
  })

  it('--help tells how it is called', async () => {
    const { code, stdout } = await callScenario('--help')

    expect(code).toBe(0)
    expect(stdout).toContain('npm run scenario -- I1 | I2 | I3 | I4 | I5 [--json]')
  })
})
