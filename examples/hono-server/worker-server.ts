/**
 * The server inside of workerd: from the bindings of the Worker to an app, and to its end.
 *
 * @module
 */
import { openStorage, parseDatabaseUrl, type Storage } from 'unbusy'
import { type D1DatabaseLike, d1 } from 'unbusy/d1'
import { libsqlWeb } from 'unbusy/libsql-web'
import { createApp } from './app.ts'
import { configFromEnv, type ServerConfig } from './config.ts'
import { drainServices } from './drain-services.ts'
import { migrate } from './migrations.ts'
import type { PageFile } from './routes/page.ts'
import type { Database } from './schema.ts'
import { Services } from './services.ts'
import { upgradeWebSocket } from './worker-socket.ts'

/** What the server is made of; the variables of the other runtimes are text, as there. */
export interface ServerBindings {
  /** Used unless `DATABASE_URL` is that of a server. */
  readonly DB: D1DatabaseLike
  /** The files of the page by name. */
  readonly PAGE: Readonly<Record<PageFile, string>>
}

/** A server with an open database. */
export interface WorkerServer {
  readonly app: ReturnType<typeof createApp>
  /** Sends away who is connected, writes what waits, and closes the database. Answers in one line what became of it. */
  stop(): Promise<string>
}

/** @throws {Error} If the configuration cannot be used, or the database cannot be reached. */
export async function startWorkerServer(bindings: ServerBindings): Promise<WorkerServer> {
  const config = configFromEnv(textsOf(bindings))
  const storage = await openDatabase(bindings, config)
  const services = new Services(storage, config)
  const readPage = async (name: PageFile): Promise<string> => bindings.PAGE[name]
  const app = createApp({ services, token: config.token, upgradeWebSocket, readPage })
  return {
    app,
    stop() {
      services.stop()
      return drainServices(services, async () => ({ report: await storage.close(), wal: 'no file' }))
    },
  }
}

async function openDatabase({ DB }: ServerBindings, config: ServerConfig): Promise<Storage<Database>> {
  const { url, authToken, requestTimeoutMs, dialect: _, ...options } = config.storage
  const isRemote = parseDatabaseUrl(url).kind === 'remote'
  const server = { url, requestTimeoutMs, ...(authToken !== undefined && { authToken }) }
  const connector = isRemote ? libsqlWeb(server) : d1({ database: DB, requestTimeoutMs })
  const storage = await openStorage<Database>({ ...options, connector })
  try {
    await migrate(storage.db)
  } catch (error) {
    await storage.close()
    throw error
  }
  return storage
}

function textsOf(bindings: object): Record<string, string> {
  return Object.fromEntries(Object.entries(bindings).filter(([, value]) => typeof value === 'string'))
}
