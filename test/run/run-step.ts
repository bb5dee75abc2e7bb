/**
 * Runs one step and decides what it counts. The rule is that silence is a failure: a crash, a hang, a run of no test, or
 * a run on the wrong runtime never looks like success.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Step } from './steps.ts'
import { readTallyFile, type TallyFile, tallyFileVariable } from './tally.ts'

/** What one step adds to the sum. */
export interface Outcome {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly string[]
  readonly seconds: number
}

/** Runs the step with its output passed through, and counts it. Never rejects for a failing step. */
export async function runStep(step: Step): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-tally-'))
  const file = join(folder, 'tally.jsonl')
  const startedAt = performance.now()

  try {
    const ending = await runCommand(step, file)
    const counts =
      step.tallies === undefined ? countByExit(step, ending) : countByTally(step, ending, readTallyFile(file))

    return { name: step.name, ...counts, seconds: Math.round((performance.now() - startedAt) / 1000) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Counts = Omit<Outcome, 'name' | 'seconds'>

/** How a command ended: undefined is success, text says what went wrong. */
type Ending = string | undefined

function countByExit(step: Step, ending: Ending): Counts {
  if (ending === undefined) return { passed: 1, failed: 0, skipped: 0, failures: [] }

  return { passed: 0, failed: 1, skipped: 0, failures: [`${step.name}: ${ending}`] }
}

function countByTally(step: Step, ending: Ending, { tallies, failed, unfinished }: TallyFile): Counts {
  const tally = tallies[0]
  if (tally === undefined || tallies.length > 1) {
    const reason = tally === undefined ? 'the run wrote no tally' : 'more than one run wrote a tally'
    const counts = countByExit(step, `${reason} (${ending ?? 'exit code 0'})`)
    return {
      ...counts,
      failures: [
        ...counts.failures,
        ...failed.map((name) => `${step.name}: ${name}`),
        ...unfinished.map((name) => `${step.name}: ${name} never ended`),
      ],
    }
  }

  const complaints: string[] = []
  if (tally.runtime !== step.tallies) complaints.push(`the suite ran on ${tally.runtime}`)
  if (tally.passed + tally.failed === 0) complaints.push('no test ran')
  // The process knows of failures that a reporter cannot see, such as a hang or a crash after the last test.
  if (ending !== undefined && tally.failed === 0) complaints.push(ending)

  return {
    passed: tally.passed,
    failed: tally.failed + complaints.length,
    skipped: tally.skipped,
    failures: [...tally.failures, ...complaints].map((failure) => `${step.name}: ${failure}`),
  }
}

function runCommand(step: Step, tallyFile: string): Promise<Ending> {
  const bin = resolve('node_modules/.bin')
  const child = spawn(step.command, step.args, {
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, [tallyFileVariable]: tallyFile },
    stdio: ['ignore', 'inherit', 'inherit'],
    // A process group of its own, so that the time limit also ends the workers of a hung run.
    detached: true,
  })

  return new Promise((done) => {
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, step.timeLimitMs)
    const interrupt = (): void => {
      killGroup(child)
      process.exit(130)
    }
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)

    const finish = (ending: Ending): void => {
      clearTimeout(timer)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      done(ending)
    }
    child.once('error', (error) => finish(`cannot start ${step.command}: ${error.message}`))
    child.once('exit', (code, signal) => {
      if (timedOut) finish(`killed at the time limit of ${step.timeLimitMs / 1000} s`)
      else finish(code === 0 ? undefined : `exit ${code === null ? `by ${signal}` : `code ${code}`}`)
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group has ended by itself in the meantime.
  }
}
