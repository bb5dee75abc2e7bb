/**
 * `npm run bench -- flush insert lanes enqueue`: measures what the library promises in numbers, beside what its users
 * have today. Without a suite all of them run. `--json` prints a line a case; `--connector NAME` runs another driver, on
 * the runtime that has it; `--quick` only shows that everything runs.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type RuntimeName, runtimesOf } from './connectors.ts'
import { noteOf } from './notes.ts'
import { type BenchResult, type SuiteName, suiteNames } from './result.ts'
import { tableHead, tableLine } from './table.ts'

/** No suite takes longer: it is ended then, and the bench fails. */
const suiteLimitMs = 240_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    connector: { type: 'string', default: 'better-sqlite3' },
  },
})
const runtime = chooseRuntime(values.connector)
if (!values.json) {
  console.log(`connector ${values.connector} on ${runtime}; the wanted numbers are those of better-sqlite3`)
  console.log(tableHead)
}
for (const suite of chooseSuites(positionals)) await runSuite(suite)

function chooseSuites(names: readonly string[]): readonly SuiteName[] {
  for (const name of names) {
    if ((suiteNames as readonly string[]).includes(name)) continue
    throw new RangeError(`Cannot run suite ${name}: it must be one of ${suiteNames.join(', ')}`)
  }
  return names.length === 0 ? suiteNames : suiteNames.filter((name) => names.includes(name))
}

/** This one if it has the driver. */
function chooseRuntime(connector: string): RuntimeName {
  const runtimes = runtimesOf(connector)
  const current: RuntimeName = 'Bun' in globalThis ? 'bun' : 'node'
  return runtimes.includes(current) ? current : (runtimes[0] as RuntimeName)
}

/** In a process of its own: a suite must not pay for what the one before has left. */
async function runSuite(suite: SuiteName): Promise<void> {
  const program = fileURLToPath(new URL('./suite.ts', import.meta.url))
  const args = ['--expose-gc', '--conditions=unbusy-source', program, suite, values.connector]
  const child = spawn(commandOf(runtime), values.quick ? [...args, '--quick'] : args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<string>((resolve, reject) => {
    child.once('error', (cause) => {
      const needed = `connector ${values.connector} needs ${runtime} on the PATH`
      reject(new Error(`Cannot run suite ${suite}: ${needed}`, { cause }))
    })
    child.once('close', (code, signal) => resolve(signal ?? String(code)))
  })
  const limit = setTimeout(() => child.kill('SIGKILL'), suiteLimitMs)
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => console.log(values.json ? line : tableLine(JSON.parse(line) as BenchResult)))
  const ending = await exited
  clearTimeout(limit)
  const note = noteOf(values.connector, suite)
  if (note !== undefined && !values.json) console.log(`Note: ${note.replaceAll('\n', ' ')}`)
  if (ending === '0') return
  console.error(`Suite ${suite} failed: its process ended with ${ending}`)
  process.exitCode = 1
}

function commandOf(name: RuntimeName): string {
  const isThis = 'Bun' in globalThis === (name === 'bun')
  return isThis ? process.execPath : name
}
