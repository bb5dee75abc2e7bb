/**
 * The demo on workerd: `npm run start:workerd`. Every request goes to one Durable Object, as a Worker must not share timers
 * or promises between requests, and the demo remembers who is present: the object is to it what the process is elsewhere.
 *
 * @module
 */
import { UnbusyError } from 'unbusy'
import { stopHeader } from './stop-header.ts'
import { unavailableApp } from './unavailable.ts'
import { type ServerBindings, startWorkerServer, type WorkerServer } from './worker-server.ts'

/** The bindings of the Worker. */
interface Env extends ServerBindings {
  readonly DEMO: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
  /** Who sends this as `stopHeader` started the server, and may stop it. Where it is not set, nobody can. */
  readonly STOP_SECRET?: string
}

/** The Worker itself only passes requests on. */
export default {
  fetch: (request: Request, { DEMO }: Env): Promise<Response> =>
    DEMO.get(DEMO.idFromName('demo')).fetch(request),
}

/** The one object that is the server. When workerd puts it away, it takes with it what was not flushed yet. */
export class Demo {
  readonly #env: Env
  readonly #unavailable = unavailableApp()
  #starting: Promise<WorkerServer | undefined> | undefined
  #server: WorkerServer | undefined
  #isStopped = false

  constructor(_state: unknown, env: Env) {
    this.#env = env
  }

  async fetch(request: Request): Promise<Response> {
    const { STOP_SECRET } = this.#env
    if (STOP_SECRET !== undefined && request.headers.get(stopHeader) === STOP_SECRET)
      return new Response(await this.#stop())
    const server = await this.#serverFor(new URL(request.url).pathname)
    const response = await (server?.app ?? this.#unavailable).fetch(request, this.#env)
    return endsWith(request.signal, response)
  }

  /** Who asks for health is not kept waiting for a database that does not answer. */
  async #serverFor(path: string): Promise<WorkerServer | undefined> {
    if (path === '/healthz') return this.#server
    if (path !== '/readyz') return this.#start()
    return Promise.race([this.#start(), new Promise<undefined>((resolve) => setTimeout(resolve, 2_000))])
  }

  /** Answers undefined where that fails: the database may be there for the next request. */
  #start(): Promise<WorkerServer | undefined> {
    this.#starting ??= this.#isStopped ? Promise.resolve(undefined) : this.#tryToStart()
    return this.#starting
  }

  async #tryToStart(): Promise<WorkerServer | undefined> {
    try {
      this.#server = await startWorkerServer(this.#env)
    } catch (error) {
      console.error('Cannot start:', error instanceof UnbusyError ? sentenceOf(error) : error)
      this.#starting = undefined
    }
    return this.#server
  }

  async #stop(): Promise<string> {
    this.#isStopped = true
    const server = await this.#starting
    return server === undefined ? 'Drained: nothing, as nothing was begun' : server.stop()
  }
}

/** In one line, as the other entries say it: at every request that finds no database this is said once more. */
function sentenceOf({ message, cause }: UnbusyError): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}

/**
 * Workerd does not cancel the stream of a client that went away: without this, it would watch for ever. It needs the flag
 * `enable_request_signal`.
 */
function endsWith(signal: AbortSignal, response: Response): Response {
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  if (!isStream || response.body === null) return response
  return new Response(response.body.pipeThrough(new TransformStream(), { signal }), response)
}
