/**
 * The demo as a child process: started on a free port and a database of its own, talked to over HTTP, stopped by a signal.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { binary } from '../processes/peer.ts'

/** What runs the demo, and on which driver. */
export interface DemoTarget {
  readonly runtime: 'node' | 'bun' | 'deno' | 'workerd'
  readonly dialect: 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite' | 'libsql' | 'libsql-web' | 'd1'
}

/** Every pair that must work. */
export const demoTargets: readonly DemoTarget[] = [
  { runtime: 'node', dialect: 'better-sqlite3' },
  { runtime: 'node', dialect: 'node-sqlite' },
  { runtime: 'node', dialect: 'libsql' },
  { runtime: 'bun', dialect: 'bun-sqlite' },
  { runtime: 'bun', dialect: 'libsql' },
  { runtime: 'deno', dialect: 'node-sqlite' },
  { runtime: 'deno', dialect: 'libsql' },
]

/** The runtime that runs the tests. */
export const runtime: Exclude<DemoTarget['runtime'], 'workerd'> =
  'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'

/** The pairs of {@linkcode runtime}. */
export const targets: readonly DemoTarget[] = demoTargets.filter((target) => target.runtime === runtime)

/** The demo on workerd, which Node starts: with a local D1, and with a libSQL server. */
export const workerdTargets: readonly DemoTarget[] = [
  { runtime: 'workerd', dialect: 'd1' },
  { runtime: 'workerd', dialect: 'libsql-web' },
]

/** The bearer token of every demo that {@linkcode startDemo} starts. */
export const demoToken = 'test-token'

/** How a demo process ended, and what it had to say. */
export interface DemoExit {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** An answer with its body read: JSON, or text. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it expects
  readonly body: any
}

/** A running demo. */
export interface Demo extends AsyncDisposable {
  readonly url: string
  /** Its database file. */
  readonly path: string
  /** Sends the token and `body` as JSON: GET without a body, else POST. */
  request(path: string, body?: unknown, method?: string): Promise<Answer>
  /** Ends the process with SIGTERM, if nothing has yet, and answers how it ended. */
  stop(): Promise<DemoExit>
  /** Sends signals until the process has ended. */
  insist(): Promise<DemoExit>
  /** Sends a signal and resolves as soon as the demo says that it is stopping. @param signal SIGTERM, if none is given. */
  beginStop(signal?: NodeJS.Signals): Promise<void>
  /** Sends SIGINT to the process and those that it has started, as a terminal does with Ctrl-C. */
  interruptAll(): Promise<void>
  /** Sends a signal, if the process still runs. */
  signal(signal: NodeJS.Signals): void
}

/** A folder for databases that is gone afterwards. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'unbusy-demo-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Starts the demo and waits until it listens. */
export async function startDemo(
  target: DemoTarget,
  path: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Demo> {
  const child = new DemoProcess(target.runtime, {
    API_TOKEN: demoToken,
    ...(target.runtime === 'workerd'
      ? { D1_FOLDER: path, DATABASE_URL: 'of-another-runtime.db' }
      : { DATABASE_URL: path, DATABASE_DIALECT: target.dialect }),
    ...env,
  })
  const [, url] = await child.says(/listens on (http:\S+?),/).catch(async (error) => {
    await child.stop()
    throw error
  })
  return {
    url: url as string,
    path,
    request: (route, body, method) =>
      request(`${url}${route}`, body, method).catch((error) => {
        if (target.runtime !== 'workerd' || !isReset(error)) throw error
        return request(`${url}${route}`, body, method)
      }),
    stop: () => child.stop(),
    insist: () => child.insist(),
    signal: (signal) => child.terminate(signal),
    interruptAll: () => child.interruptAll(),
    async beginStop(signal) {
      child.terminate(signal)
      await child.says(/^Stopping/m)
    },
    async [Symbol.asyncDispose]() {
      await child.stop()
    },
  }
}

/** Runs the demo with an environment that it must refuse, and answers how it ended. */
export async function runDemo(runtime: DemoTarget['runtime'], env: NodeJS.ProcessEnv): Promise<DemoExit> {
  const child = new DemoProcess(runtime, env)
  const outcome = await Promise.race([child.exited, child.says(/listens on/).catch(() => child.exited)])
  if (!Array.isArray(outcome)) return outcome as DemoExit
  await child.stop()
  throw new Error(`the demo started with ${JSON.stringify(env)}`)
}

const commands: Readonly<Record<DemoTarget['runtime'], readonly string[]>> = {
  node: ['--conditions=unbusy-source', entry('node')],
  bun: ['run', entry('bun')],
  deno: ['run', '-A', entry('deno')],
  workerd: [
    '--conditions=unbusy-source',
    fileURLToPath(new URL('../../examples/hono-server/serve.worker.ts', import.meta.url)),
  ],
}

class DemoProcess {
  readonly exited: Promise<DemoExit>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''
  #onOutput: (() => void) | undefined

  constructor(runtime: DemoTarget['runtime'], env: NodeJS.ProcessEnv) {
    this.#child = spawn(binary(runtime === 'workerd' ? 'node' : runtime), commands[runtime], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (text) => {
      this.#stdout += text
      this.#onOutput?.()
    })
    this.#child.stderr?.on('data', (text) => {
      this.#stderr += text
    })
    // 'close', not 'exit': only then has all output arrived.
    this.exited = once(this.#child, 'close').then(([code]) => {
      this.#onOutput?.()
      return { code, stdout: this.#stdout, stderr: this.#stderr }
    })
  }

  /** Waits for a line on stdout. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (): void =>
        reject(new Error(`the demo did not say ${pattern}: ${this.#stdout}${this.#stderr}`))
      const deadline = setTimeout(fail, 15_000)
      this.#onOutput = () => {
        const found = pattern.exec(this.#stdout)
        const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null
        if (found === null && !hasEnded) return
        clearTimeout(deadline)
        if (found === null) fail()
        else resolve(found)
      }
      this.#onOutput()
    })
  }

  terminate(signal: NodeJS.Signals = 'SIGTERM'): void {
    const { pid, exitCode, signalCode } = this.#child
    // By its id: after `child.kill()` Deno takes the child for dead, whatever it does about the signal.
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal)
  }

  async interruptAll(): Promise<void> {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid='])
    const processes = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
    const children = processes.filter(([, parent]) => parent === this.#child.pid)
    for (const [pid] of children) if (pid !== undefined) process.kill(pid, 'SIGINT')
    this.terminate('SIGINT')
  }

  async insist(): Promise<DemoExit> {
    const again = setInterval(() => this.terminate(), 200)
    const exit = await this.exited
    clearInterval(again)
    return exit
  }

  async stop(): Promise<DemoExit> {
    if (!this.#stdout.includes('Stopping')) this.terminate()
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), 15_000)
    const exit = await this.exited
    clearTimeout(deadline)
    return exit
  }
}

async function request(url: string, body: unknown, method: string | undefined): Promise<Answer> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${demoToken}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const isJson = response.headers.get('content-type')?.includes('json')
  const answer = isJson ? await response.json() : await response.text()
  return { status: response.status, headers: response.headers, body: answer }
}

function entry(runtime: string): string {
  return `examples/hono-server/entry.${runtime}.ts`
}

/**
 * Whether a connection that was kept alive was gone when it was used again: after an answer to a request whose body nobody
 * read, workerd closes it, and `fetch` may hear of that too late.
 */
function isReset(error: unknown): boolean {
  const { cause } = error as { readonly cause?: { readonly code?: string } }
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(cause?.code ?? '')
}
