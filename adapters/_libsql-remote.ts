/**
 * The connector of libSQL servers, over http(s) or ws(s): the same for `unbusy/libsql` and `unbusy/libsql-web`. It has no
 * Node import, so that it runs in edge isolates.
 *
 * @module
 */
import type { AsyncContext, Connector } from '../src/connector.ts'
import { ConfigError } from '../src/errors.ts'
import { type Fetch, fetchOnce } from './_fetch-once.ts'
import { LibsqlRemoteConnection, type RemoteClient, type RemoteLink } from './_libsql-remote-connection.ts'
import { cannotLoadClient } from './_missing-package.ts'
import { outcomeOf, remoteResultCodeOf } from './_remote-errors.ts'
import { checkRequestTimeout } from './_request-timeout.ts'
import { locateServer } from './_server-url.ts'

/** Options of a connector to a libSQL server. */
export interface LibsqlRemoteOptions {
  /**
   * `libsql://`, `https://`, `http://`, `wss://` or `ws://`, with the host. A WebSocket (`wss:`, `ws:`) is closed when it
   * was idle for 5 seconds, and until then keeps the process alive.
   */
  readonly url: string
  /** The token of the database. It is in no error and no log. One that expires is put into requests by a `fetch` of yours. */
  readonly authToken?: string
  /** How long the server may take to answer one request, in milliseconds. @default {15_000} */
  readonly requestTimeoutMs?: number
  /** Passed to `createClient(config)`, such as `fetch` or `concurrency`. What the contract depends on is refused. */
  readonly driverOptions?: Readonly<Record<string, unknown>>
}

/** What the two entries differ in. */
export interface LibsqlRemoteHost {
  readonly name: string
  readonly context: AsyncContext | undefined
}

/** sqld 0.24 binds no text and no blob that is longer: `ARGS_INVALID`, string or blob too big. */
const maxValueBytes = 5_000_000

/** About as long as `fetch` keeps a connection that nobody uses: to open another one takes round trips. */
const idleMs = 5_000

const refusedOptions: readonly string[] = ['url', 'authToken', 'intMode', 'tls', 'syncUrl', 'timeout']

/**
 * @throws {ConfigError} If the URL, the token, the timeout or `driverOptions` cannot be used.
 */
export function libsqlServer(options: LibsqlRemoteOptions, host: LibsqlRemoteHost): Connector {
  const { requestTimeoutMs = 15_000, driverOptions = {} } = options
  checkRequestTimeout(requestTimeoutMs)
  const refused = refusedOptions.find((name) => name in driverOptions)
  if (refused !== undefined) {
    throw new ConfigError(
      `Cannot set driverOptions.${refused} of ${host.name} as unbusy owns it, or does not support it`,
    )
  }
  const { url, location, tls, authToken, isWebSocket } = locateServer(options.url, options.authToken)
  const send = (driverOptions.fetch ?? fetch) as Fetch
  if (typeof send !== 'function') {
    throw new ConfigError(
      `Cannot use driverOptions.fetch of ${host.name} as it is of type ${typeof send}: it must be a function`,
    )
  }
  const config = {
    ...driverOptions,
    url,
    intMode: 'bigint',
    ...(tls !== undefined && { tls }),
    ...(authToken !== undefined && { authToken }),
    fetch: fetchOnce(send, requestTimeoutMs),
  }
  return {
    name: host.name,
    location,
    capabilities: { singleConnection: false, autocommit: true, remote: true, maxValueBytes },
    ...(host.context !== undefined && { context: host.context }),
    async connect(_role, settings): Promise<LibsqlRemoteConnection> {
      const createClient = await loadClient()
      const link: RemoteLink = {
        connect: () => createClient(config),
        secret: authToken,
        requestTimeoutMs,
        isWebSocket,
        idleMs,
      }
      return new LibsqlRemoteConnection(link, settings)
    },
    resultCodeOf: remoteResultCodeOf,
    outcomeOf,
    nextTurn,
  }
}

async function loadClient(): Promise<(config: object) => RemoteClient> {
  try {
    const module: { readonly createClient: unknown } = await import('@libsql/client/web')
    return module.createClient as (config: object) => RemoteClient
  } catch (cause) {
    throw cannotLoadClient(cause)
  }
}

/** Node, Bun and Deno have setImmediate, which waits for no timer; an isolate may have none. */
function nextTurn(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void }
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0)
    else setImmediate(resolve)
  })
}
