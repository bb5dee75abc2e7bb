/**
 * The demo on workerd: `npm run start:workerd`. Every request goes to one Durable Object, as a Worker must not share timers
 * or promises between requests, and the demo remembers who is present: the object is to it what the process is elsewhere.
 *
 * @module
 */
import { openStorage, parseDatabaseUrl, type Storage } from 'unbusy'
import { type D1DatabaseLike, d1 } from 'unbusy/d1'
import { libsqlWeb } from 'unbusy/libsql-web'
import { createApp } from './app.ts'
import { configFromEnv } from './config.ts'
import { migrate } from './migrations.ts'
import type { PageFile } from './routes/page.ts'
import type { Database } from './schema.ts'
import { Services } from './services.ts'
import { upgradeWebSocket } from './worker-socket.ts'

/** The bindings of the Worker: the variables of the other runtimes are text, as there. */
interface Env {
  readonly DEMO: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
  /** Used unless `DATABASE_URL` is that of a server. */
  readonly DB: D1DatabaseLike
  /** The files of the page by name. */
  readonly PAGE: Readonly<Record<PageFile, string>>
}

type App = ReturnType<typeof createApp>

/** The Worker itself only passes requests on. */
export default {
  fetch: (request: Request, { DEMO }: Env): Promise<Response> =>
    DEMO.get(DEMO.idFromName('demo')).fetch(request),
}

/** The one object that is the server. When workerd puts it away, it takes with it what was not flushed yet. */
export class Demo {
  readonly #env: Env
  #app: Promise<App> | undefined

  constructor(_state: unknown, env: Env) {
    this.#env = env
  }

  async fetch(request: Request): Promise<Response> {
    // A database that could not be opened may be there for the next request.
    this.#app ??= startApp(this.#env).catch((error) => {
      this.#app = undefined
      throw error
    })
    const response = await (await this.#app).fetch(request, this.#env)
    return endsWith(request.signal, response)
  }
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

async function startApp(env: Env): Promise<App> {
  const config = configFromEnv(textsOf(env))
  const storage = await openDatabase(env, config.storage)
  await migrate(storage.db)
  return createApp({
    services: new Services(storage, config),
    token: config.token,
    upgradeWebSocket,
    readPage: async (name) => env.PAGE[name],
  })
}

function openDatabase(
  { DB }: Env,
  { url, authToken, dialect: _, ...options }: ReturnType<typeof configFromEnv>['storage'],
): Promise<Storage<Database>> {
  const isRemote = parseDatabaseUrl(url).kind === 'remote'
  const server = { url, ...(authToken !== undefined && { authToken }) }
  return openStorage<Database>({ ...options, connector: isRemote ? libsqlWeb(server) : d1({ database: DB }) })
}

function textsOf(env: Env): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value === 'string'))
}
