/**
 * Programs of the scenarios in processes of their own: servers, the foreign writer, and who looks into the database. They
 * talk in lines: one JSON value each.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A program that runs. Disposing of it kills it, if it still runs. */
export interface Program extends AsyncDisposable {
  /** The next line that it printed; undefined once it has ended. */
  next<T>(): Promise<T | undefined>
  /** Sends it one line. */
  tell(line: unknown): void
  /** Closes its input; every program of the scenarios ends by that, as it does when this process dies. */
  endInput(): void
  kill(signal: NodeJS.Signals): void
  /** Resolves once it has ended, with its exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>
  /** What it printed to stderr, the last of it. */
  complaint(): string
}

/** Starts `bench/scenarios/<name>.ts` on the runtime that this runs on, which must be Node. */
export function startProgram(name: string, ...args: readonly string[]): Program {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--conditions=unbusy-source', file, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint = `${complaint}${text}`.slice(-4_000)
  })
  // It may end before it has read everything.
  child.stdin.on('error', () => {})
  let isRunning = true
  const ended = once(child, 'exit').then(([code]) => {
    isRunning = false
    return code as number | null
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ended,
    complaint: () => complaint.trim(),
    kill: (signal) => child.kill(signal),
    async next<T>() {
      const { value, done } = await lines.next()
      return done ? undefined : (JSON.parse(value) as T)
    },
    tell: (line) => child.stdin.write(`${JSON.stringify(line)}\n`),
    endInput: () => child.stdin.end(),
    async [Symbol.asyncDispose]() {
      if (isRunning) child.kill('SIGKILL')
      await ended
    },
  }
}

/** The next line of a program that must have one. @throws {Error} With its stderr, if it ended before. */
export async function expectLine<T>(name: string, program: Program): Promise<T> {
  const line = await program.next<T>()
  if (line !== undefined) return line
  throw new Error(`${name} ended early: ${program.complaint()}`)
}
