/**
 * The life of the server, the same on every runtime: read the configuration, open the database, listen, and on SIGTERM or
 * SIGINT stop taking connections, drain and close.
 *
 * @module
 */
import process from 'node:process'
import type { UpgradeWebSocket } from 'hono/ws'
import { ConfigError, UnbusyError } from 'unbusy'
import { createApp } from './app.ts'
import { configFromEnv, type ServerConfig } from './config.ts'
import { closeDatabase, type OpenDatabase, openDatabase } from './database.ts'
import { drain } from './drain.ts'
import { readPage } from './page-files.ts'
import { Services } from './services.ts'
import { onStopSignal } from './stop-signals.ts'

/** What a runtime's own server is asked to do. */
export interface ListenOptions {
  readonly hostname: string
  readonly port: number
  /** `env` is what the runtime's `upgradeWebSocket` needs. */
  readonly fetch: (request: Request, env?: object) => Response | Promise<Response>
}

/** A server that takes connections. */
export interface Listener {
  readonly port: number
  /** Takes no new connections from now on; resolves once the last answer is on its way. */
  stop(): Promise<unknown>
}

/** What is different on each runtime. */
export interface Runtime {
  /** Its name and version. */
  readonly runtime: string
  readonly upgradeWebSocket: UpgradeWebSocket
  /** Starts its own server. */
  listen(options: ListenOptions): Listener | Promise<Listener>
}

interface RunningServer {
  readonly database: OpenDatabase
  readonly services: Services
  readonly listener: Listener
}

/** How long the last answers may take once the database is closed: a client may be slow, or keep its connection. */
const goodbyeMs = 2_000

/** Runs the server until a signal ends it. A configuration that cannot be used is one sentence and exit code 1. */
export async function runServer(runtime: Runtime): Promise<void> {
  try {
    const config = configFromEnv(process.env)
    const server = await start(runtime, config)
    console.log(greeting(runtime.runtime, config, server.database, server.listener.port))
    onStopSignal(() => shutDown(server))
  } catch (error) {
    console.error(error instanceof UnbusyError ? error.message : error)
    process.exit(1)
  }
}

async function start(runtime: Runtime, config: ServerConfig): Promise<RunningServer> {
  const { hostname, port, token } = config
  const database = await openDatabase(config.storage)
  const services = new Services(database.storage, config)
  const app = createApp({ services, token, upgradeWebSocket: runtime.upgradeWebSocket, readPage })
  const fetch: ListenOptions['fetch'] = (request, env) => app.fetch(request, env)
  try {
    return { database, services, listener: await runtime.listen({ hostname, port, fetch }) }
  } catch (cause) {
    services.stop()
    await closeDatabase(database)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`Cannot listen where HOST and PORT say, ${hostname}:${port}: ${reason}`, { cause })
  }
}

async function shutDown({ listener, database, services }: RunningServer): Promise<void> {
  const stopped = listener.stop()
  console.log('Stopping: no new connections, what has begun may finish')
  services.stop()
  console.log(await drain(services, database))
  const goodbye = new Promise<'over'>((resolve) => setTimeout(() => resolve('over'), goodbyeMs))
  if ((await Promise.race([stopped, goodbye])) === 'over')
    console.log('Some clients did not hang up: hanging up')
  process.exit(0)
}

function greeting(
  runtime: string,
  { hostname, token }: ServerConfig,
  database: OpenDatabase,
  port: number,
): string {
  const { connector } = database.storage.stats()
  const url = `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
  const curl = token === undefined ? 'curl -s' : 'curl -s -H "authorization: Bearer $API_TOKEN"'
  return `
The unbusy demo runs on ${runtime} with ${connector}, database ${database.location}
It listens on ${url}, try:

  ${curl} ${url}/v1/machines -d '{ "id": "laptop", "metadata": "my first machine" }'
  ${curl} ${url}/v1/machines

or open ${url}/ in a browser
`
}
