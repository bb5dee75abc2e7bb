/**
 * Programs of these tests that run in processes of their own, from TypeScript source, on a runtime of choice. They talk
 * in lines: one JSON value each way.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type EventEmitter, once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ConnectorName, RuntimeName } from '../contract/matrix.ts'
import { binary } from './peer.ts'

export const leadingArguments: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: ['--conditions=unbusy-source'],
  bun: [],
  deno: ['run', '-A'],
}

/** Where a program runs, and the database that it opens. */
export interface ProgramTarget {
  readonly runtime: RuntimeName
  readonly connector: ConnectorName
  readonly path: string
  /** No file may grow beyond so many blocks of 512 bytes; the test may lift this limit later. */
  readonly fileBlocks?: number
}

/** A program that runs. Disposing of it kills it, if it still runs. */
export interface Program extends AsyncDisposable {
  /** The next line that it printed, read as JSON. @throws {Error} With its stderr, if it ended before. */
  next<T>(): Promise<T>
  /** Sends it one line. */
  tell(value: unknown): void
  /** @param signal SIGKILL, if none is given. */
  kill(signal?: NodeJS.Signals): void
  /** Resolves when it ended: with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Of a process. */
  readonly pid?: number | undefined
}

/** Starts `test/processes/<name>.ts`; its arguments are the connector, the path and what follows. */
export function startProgram(
  name: string,
  { runtime, connector, path, fileBlocks }: ProgramTarget,
  ...args: readonly string[]
): Program {
  const [program = '', ...leading] = [...limiting(fileBlocks), binary(runtime)]
  const child = spawn(
    program,
    [...leading, ...leadingArguments[runtime], fileOf(name), connector, path, ...args],
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const talk = talkTo(`${name} on ${runtime}`, child, (signal) => sendSignal(child, signal))
  return Object.assign(talk, { pid: child.pid })
}

/** By its id: after `child.kill()` Deno takes the child for dead, whatever it does about the signal. */
function sendSignal({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended in this moment.
  }
}

/** Node and Bun ignore SIGXFSZ by themselves; Deno does as it was started, and would be killed. */
function limiting(fileBlocks: number | undefined): readonly string[] {
  if (fileBlocks === undefined) return []
  return ['sh', '-c', `trap '' XFSZ; ulimit -S -f ${fileBlocks}; exec "$@"`, 'sh']
}

/** Starts the same in a worker thread of this process, which must be Node. */
export function startThread(
  name: string,
  { connector, path }: Omit<ProgramTarget, 'runtime'>,
  ...args: readonly string[]
): Program {
  const worker = new Worker(fileOf(name), {
    argv: [connector, path, ...args],
    execArgv: [...leadingArguments.node],
    stdin: true,
    stdout: true,
    stderr: true,
  })
  return talkTo(`${name} in a thread`, worker, () => void worker.terminate())
}

interface Runner extends EventEmitter {
  readonly stdin: Writable | null
  readonly stdout: Readable
  readonly stderr: Readable
}

function talkTo(title: string, runner: Runner, end: (signal: NodeJS.Signals) => void): Program {
  const { stdin, stdout, stderr } = runner
  const errors: string[] = []
  stderr.on('data', (text) => errors.push(String(text)))
  // It may end before it has read everything.
  stdin?.on('error', () => {})
  let isRunning = true
  const ended = once(runner, 'exit').then(([code, signal]) => {
    isRunning = false
    return code ?? signal
  })
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    ended,
    kill: (signal = 'SIGKILL') => end(signal),
    async next<T>() {
      const { value, done } = await lines.next()
      if (!done) return JSON.parse(value) as T
      throw new Error(`${title} ended with ${await ended}: ${errors.join('').trim()}`)
    },
    tell: (value) => stdin?.write(`${JSON.stringify(value)}\n`),
    async [Symbol.asyncDispose]() {
      if (isRunning) end('SIGKILL')
      await ended
    },
  }
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url))
}
