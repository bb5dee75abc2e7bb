/**
 * The life of the server, the same on every runtime: read the configuration, open the database, listen, and on SIGTERM or
 * SIGINT stop taking connections, drain and close.
 *
 * @module
 */
import process from 'node:process'
import { ConfigError, UnbusyError } from 'unbusy'
import { createApp } from './app.ts'
import { configFromEnv, type ServerConfig } from './config.ts'
import { closeDatabase, type OpenDatabase, openDatabase } from './database.ts'

/** What a runtime's own server is asked to do. */
export interface ListenOptions {
  readonly hostname: string
  readonly port: number
  readonly fetch: (request: Request) => Response | Promise<Response>
}

/** A server that takes connections. */
export interface Listener {
  readonly port: number
  /** Takes no new connections from now on; resolves once the last answer is on its way. */
  stop(): Promise<unknown>
}

/** Starts a runtime's own server. */
export type Listen = (options: ListenOptions) => Listener | Promise<Listener>

/** How long the last answers may take once the database is closed: a client may be slow, or keep its connection. */
const goodbyeMs = 2_000

/** Runs the server until a signal ends it. A configuration that cannot be used is one sentence and exit code 1. */
export async function runServer(runtime: string, listen: Listen): Promise<void> {
  try {
    const config = configFromEnv(process.env)
    const database = await openDatabase(config.storage)
    const listener = await listenOrClose(listen, config, database)
    console.log(greeting(runtime, config, database, listener.port))
    let isStopping = false
    const stop = (): void => {
      // Only once: with Ctrl-C npm passes on the signal that the terminal has sent to everybody.
      if (!isStopping) void shutDown(listener, database)
      isStopping = true
    }
    process.on('SIGTERM', stop).on('SIGINT', stop)
  } catch (error) {
    console.error(error instanceof UnbusyError ? error.message : error)
    process.exit(1)
  }
}

async function listenOrClose(
  listen: Listen,
  { hostname, port, token, budgets }: ServerConfig,
  database: OpenDatabase,
): Promise<Listener> {
  const { fetch } = createApp({ storage: database.storage, token, budgets })
  try {
    return await listen({ hostname, port, fetch })
  } catch (cause) {
    await closeDatabase(database)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`Cannot listen where HOST and PORT say, ${hostname}:${port}: ${reason}`, { cause })
  }
}

async function shutDown(listener: Listener, database: OpenDatabase): Promise<void> {
  const stopped = listener.stop()
  console.log('Stopping: no new connections, what has begun may finish')
  console.log(await closeDatabase(database))
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
`
}
