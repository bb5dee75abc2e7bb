/**
 * Starts the Hrana test server in a process of its own, which ends with this one, and controls it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { binary } from '../processes/peer.ts'
import type { Counts } from './counters.ts'
import type { FaultPlan } from './faults.ts'
import type { RecordedRequest, ServerSettings } from './server-core.ts'

/** What the server counts, and what is there now. */
export interface ServerCounts extends Readonly<Counts> {
  /** Streams that are open; over HTTP also those whose client is gone, until they expire. */
  readonly openStreams: number
  /** Streams that wait for the write lock. */
  readonly waitingForLock: number
}

/** A server that runs. Disposing of it ends it. */
export interface HranaServer extends AsyncDisposable {
  /** `http://127.0.0.1:…`, for the transport of HTTP. */
  readonly url: string
  /** `ws://127.0.0.1:…`, for that of WebSockets. */
  readonly wsUrl: string
  readonly port: number
  readonly pid: number
  /** Plans what goes wrong from now on, in place of what was planned; nothing, without an argument. */
  faults(plan?: FaultPlan): Promise<void>
  counts(): Promise<ServerCounts>
  /** Every pipeline body, and every WebSocket request, in the order of arrival. */
  requests(): Promise<readonly RecordedRequest[]>
  /** Forgets counters, requests and faults. */
  reset(): Promise<void>
  /** Loses all streams and cuts all WebSockets. */
  restart(): Promise<void>
  /** Takes the transaction away from whoever holds the write lock. */
  forceTimeout(): Promise<void>
  /** Ends the process at once, as a crash does; start another one on the same `path` and `port` to go on. */
  kill(): Promise<void>
}

/**
 * Starts one on a loopback port of the system's choice.
 *
 * @throws {Error} With what the process has said, if it ended before it listened.
 *
 * @example
 * ```ts
 * await using server = await startHranaServer({ path: join(folder, 'remote.db') })
 * await server.faults({ script: [{ fault: { kind: 'drop', when: 'after' }, matching: 'COMMIT' }] })
 * const client = createClient({ url: server.url })
 * ```
 */
export async function startHranaServer(settings: ServerSettings): Promise<HranaServer> {
  const program = fileURLToPath(new URL('server-program.ts', import.meta.url))
  const child = spawn(binary('node'), ['--conditions=unbusy-source', program, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const errors: string[] = []
  child.stderr.on('data', (text) => errors.push(String(text)))
  const ended = once(child, 'exit')
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const port = Number(value)
  if (!port) throw new Error(`The Hrana server did not start: ${errors.join('').trim()}`)
  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, body: unknown = {}): Promise<void> => {
    const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) })
    await response.arrayBuffer()
  }
  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${url}${path}`)).json()) as T
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    url,
    wsUrl: `ws://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    faults: (plan = {}) => post('/__faults', plan),
    counts: () => get('/__counts'),
    requests: () => get('/__requests'),
    reset: () => post('/__reset'),
    restart: () => post('/__restart'),
    forceTimeout: () => post('/__timeout'),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
