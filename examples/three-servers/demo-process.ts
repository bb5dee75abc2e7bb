/**
 * One demo server as a process: started on its runtime, talked to over HTTP, killed or stopped, and started again.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** The runtimes, each with its own entry of `examples/hono-server` and its own driver of the same client. */
export type RuntimeName = 'node' | 'bun' | 'deno'

/** An answer, its body read as JSON where it is. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

const commands: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: ['--conditions=unbusy-source'],
  bun: ['run'],
  deno: ['run', '-A'],
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const startLimitMs = 20_000
/** Longer than a server takes that writes what it holds. */
const stopLimitMs = 15_000
/** Longer than a server waits for the database: it answers before its client gives up. */
const requestLimitMs = 10_000

/** One of the three. */
export class DemoProcess {
  readonly runtime: RuntimeName
  /** Empty until it has been started. */
  url = ''
  readonly #env: NodeJS.ProcessEnv
  #port: number
  #child: ChildProcess | undefined
  #output = ''
  #isOver = false

  /** @param port 0 for a free one. It stays the same over restarts. */
  constructor(runtime: RuntimeName, port: number, env: NodeJS.ProcessEnv) {
    this.runtime = runtime
    this.#port = port
    this.#env = env
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it has said since its start, errors included. */
  get output(): string {
    return this.#output
  }

  /** Resolves once it listens. @throws {Error} With what it said, if it did not. */
  async start(): Promise<void> {
    if (this.#isOver) throw new Error(`${this.runtime} is not started, as the run has ended`)
    const program = `${root}/node_modules/.bin/${this.runtime}`
    const args = [...commands[this.runtime], `examples/hono-server/entry.${this.runtime}.ts`]
    const env = { ...process.env, ...this.#env, NO_COLOR: '1', PORT: String(this.#port) }
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#output = ''
    const isUp = Promise.withResolvers<void>()
    const listen = (text: unknown): void => {
      this.#output += text
      const found = /listens on (http:\S+:(\d+)),/.exec(this.#output)
      if (found === null) return
      this.url = found[1] as string
      this.#port = Number(found[2])
      isUp.resolve()
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    const fail = (): void => isUp.reject(new Error(`${this.runtime} did not start: ${this.#output}`))
    child.once('error', fail).once('exit', fail)
    const deadline = setTimeout(fail, startLimitMs)
    await isUp.promise.finally(() => clearTimeout(deadline))
  }

  /** GET without a body, else POST. Rejects if nobody answers. */
  async request(path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(requestLimitMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    }
  }

  /** A figure of its `/metrics`, over all labels. */
  async figure(name: string): Promise<number> {
    const { body } = await this.request('/metrics')
    const values = [...String(body).matchAll(new RegExp(`^${name}(?:{.*})? (\\d+)$`, 'gm'))]
    return values.reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Asks it to end; it writes what it holds first, and says so. */
  async stop(): Promise<void> {
    const deadline = setTimeout(() => this.#child?.kill('SIGKILL'), stopLimitMs)
    await this.#end('SIGTERM')
    clearTimeout(deadline)
  }

  /** Stops it for good: whoever still wants to start it again cannot. */
  async dispose(): Promise<void> {
    this.#isOver = true
    await this.stop()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning || this.#child === undefined) return
    // 'close', not 'exit': only then has all output arrived.
    const ended = once(this.#child, 'close')
    this.#child.kill(signal)
    await ended
  }
}
