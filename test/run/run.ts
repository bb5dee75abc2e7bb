/**
 * `npm test`: runs the static checks and the suite on every runtime one after the other, and ends with the one line that
 * sums them. `node test/run/run.ts bun lint` runs only the named steps.
 *
 * @module
 */
import { type Outcome, runStep } from './run-step.ts'
import { type Step, steps } from './steps.ts'

const outcomes: Outcome[] = []
for (const step of chooseSteps(process.argv.slice(2))) {
  console.log(`\n> ${step.name}: ${step.command} ${step.args.join(' ')}`)
  outcomes.push(await runStep(step))
}

console.log('')
for (const outcome of outcomes)
  console.log(`${outcome.name.padEnd(10)} ${counts(outcome)} (${outcome.seconds} s)`)
for (const failure of outcomes.flatMap((outcome) => outcome.failures)) console.log(`FAILED ${failure}`)

const total = {
  passed: sum('passed'),
  failed: sum('failed'),
  skipped: sum('skipped'),
}
process.exitCode = total.failed === 0 ? 0 : 1
if (total.skipped > 0) console.log(`${total.skipped} skipped, each with its reason`)
console.log(counts({ ...total, skipped: 0 }))

function chooseSteps(names: readonly string[]): readonly Step[] {
  for (const name of names) {
    if (steps.some((step) => step.name === name)) continue
    const known = steps.map((step) => step.name).join(', ')
    throw new RangeError(`Cannot run step "${name}": it must be one of ${known}`)
  }

  return names.length === 0
    ? steps.filter(({ isOnRequest }) => !isOnRequest)
    : steps.filter((step) => names.includes(step.name))
}

function sum(key: 'passed' | 'failed' | 'skipped'): number {
  return outcomes.reduce((total, outcome) => total + outcome[key], 0)
}

function counts({ passed, failed, skipped }: Pick<Outcome, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}
