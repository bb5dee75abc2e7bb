/**
 * The URL of a libSQL server, taken apart: what goes into requests, what may be shown, and what is a secret.
 *
 * @module
 */
import { ConfigError } from '../src/errors.ts'
import { parseDatabaseUrl } from '../src/options/database-url.ts'

/** Where a server is. */
export interface ServerLocation {
  /** Scheme, host and path; of HTTP the path ends with a slash, or the client would put its own in place of the last part. */
  readonly url: string
  /** The same, for messages. */
  readonly location: string
  readonly tls: boolean | undefined
  readonly authToken: string | undefined
  readonly isWebSocket: boolean
}

/**
 * The client's own query parameters are taken off the URL: runtimes show it in their errors.
 *
 * @throws {ConfigError} If it is not the URL of a server, or the token cannot be one; neither shows a secret.
 */
export function locateServer(url: string, authToken: string | undefined): ServerLocation {
  if (parseDatabaseUrl(url).kind !== 'remote') {
    throw refused('it is not that of a server: it must begin with libsql:, https:, http:, wss: or ws:')
  }
  if (!URL.canParse(url)) throw refused('it is malformed')
  const { protocol, host, port, pathname, username, password, searchParams, hash } = new URL(url)
  if (username !== '' || password !== '')
    throw refused('it has a user or password: the token goes into authToken')
  if (hash !== '') throw refused('it has a fragment')
  const strange = [...searchParams].find(([name]) => name !== 'tls' && name !== 'authToken')
  if (strange !== undefined) {
    const [name, value] = strange
    // A token whose name was forgotten is one without a value.
    const which = value === '' ? 'a query parameter without a value' : `the query parameter "${name}"`
    throw refused(`it has ${which}: only tls and authToken are known`)
  }
  const tls = searchParams.get('tls') ?? undefined
  if (tls !== undefined && tls !== '0' && tls !== '1') throw refused('its tls is neither 0 nor 1')
  if (protocol !== 'libsql:' && tls !== undefined && tls !== (/^(?:https|wss):/.test(protocol) ? '1' : '0'))
    throw refused(`its scheme ${protocol} and its tls=${tls} contradict each other`)
  if (protocol === 'libsql:' && tls === '0' && port === '') throw refused('tls=0 needs a port in it')
  const isWebSocket = protocol === 'ws:' || protocol === 'wss:'
  const location = `${protocol}//${host}${pathname.replace(/\/$/, '')}`
  return {
    url: isWebSocket ? location : `${location}/`,
    location,
    tls: tls === undefined ? undefined : tls === '1',
    authToken: checkToken(authToken ?? searchParams.get('authToken') ?? undefined),
    isWebSocket,
  }
}

/** HTTP clients refuse such a header and print it while they do. */
function checkToken(token: string | undefined): string | undefined {
  if (token === undefined || token === '') return undefined
  if (typeof token !== 'string')
    throw new ConfigError(`Cannot use authToken as it is of type ${typeof token}: it must be a string`)
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new ConfigError(
    'Cannot use authToken as it has white space, a line end or characters beyond ASCII in it: it must be the token alone',
  )
}

function refused(reason: string): ConfigError {
  return new ConfigError(`Cannot use the URL of the server as ${reason}`)
}
