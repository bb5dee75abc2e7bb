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
  return startCommand(process.execPath, '--conditions=unbusy-source', fileOf(name), ...args)
}

/** Starts `bench/scenarios/<name>.ts` on Bun, which is a dev dependency. */
export function startBunProgram(name: string, ...args: readonly string[]): Program {
  const bun = fileURLToPath(new URL('../../node_modules/.bin/bun', import.meta.url))
  return startCommand(bun, fileOf(name), ...args)
}

/** Starts any program that talks in lines. One that cannot be started ends as one that failed. */
export function startCommand(command: string, ...args: readonly string[]): Program {
  // There the tsconfig is that maps `unbusy` to its source for Bun.
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (text) => {
    complaint = `${complaint}${text}`.slice(-4_000)
  })
  // It may end before it has read everything.
  child.stdin.on('error', () => {})
  let isRunning = true
  const ended = once(child, 'exit').then(
    ([code]) => {
      isRunning = false
      return code as number | null
    },
    (error) => {
      isRunning = false
      complaint = String(error)
      return 127
    },
  )
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

function fileOf(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url))
}
