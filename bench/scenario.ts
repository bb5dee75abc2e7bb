/**
 * Runs an incident the old way and our way, side by side on this machine: `npm run scenario -- I1`.
 *
 * @module
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { i1 } from './scenarios/i1.ts'
import { i2 } from './scenarios/i2.ts'
import { i3 } from './scenarios/i3.ts'
import { i4 } from './scenarios/i4.ts'
import { i5 } from './scenarios/i5.ts'
import type { Incident } from './scenarios/result.ts'
import { incidentOf } from './scenarios/run-scenario.ts'
import { renderJson, renderTable } from './scenarios/table.ts'

const scenarios: readonly Incident[] = [incidentOf(i1), i2, i3, incidentOf(i4), i5]
const names = scenarios.map(({ name }) => name).join(' | ')

const help = `Usage: npm run scenario -- ${names} [--json]

Runs an incident the old way and our way on this machine, and prints both.

  --json   print one line of JSON instead of a table
  --help   print this

Exit code: 0 if our side keeps what it promises, 1 if not, 2 if this is not how it is called.`

/** Nothing here should take that long; but who waits for it is promised an end. */
const giveUpAfterMs = 145_000

setTimeout(() => {
  console.error(`Cannot finish within ${giveUpAfterMs / 1_000} s on this machine`)
  process.exit(1)
}, giveUpAfterMs).unref()
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const call = readArguments(args)
  if (typeof call === 'string') {
    console.error(`${call}\n\n${help}`)
    return 2
  }
  const { scenario, json } = call
  if (scenario === undefined) {
    console.log(help)
    return 0
  }
  const progress = (side: string, size: number): void =>
    console.error(`${side}: ${size} ${scenario.unit} ...`)
  const result = await scenario.run(json ? undefined : progress)
  console.log(json ? renderJson(result) : `\n${renderTable(scenario, result)}`)
  for (const shortfall of result.shortfalls)
    console.error(`Our side falls short in ${scenario.name}: ${shortfall}`)
  return result.shortfalls.length === 0 ? 0 : 1
}

/** What to run, nothing if help was asked for, or what is wrong. */
function readArguments(args: readonly string[]): { scenario?: Incident; json: boolean } | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    if (values.help) return { json: false }
    if (positionals.length !== 1) return `Cannot run ${positionals.length} scenarios: name one of ${names}`
    const scenario = scenarios.find(({ name }) => name === positionals[0])
    if (scenario === undefined) return `Cannot run ${positionals[0]}: the scenarios are ${names}`
    return { scenario, json: values.json }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
