/**
 * Reads where a database is: the one place that understands a database URL. Drivers get a path or a remote
 * URL from here, because each of them reads `file:` URLs in a way of its own, or creates a file of that name.
 *
 * @module
 */
import { ConfigError } from '../errors.ts'

/** Where a database is. `path` is what the file system calls the file; nothing in it is encoded. */
export type DatabaseLocation =
  | { readonly kind: 'memory' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string }

const remoteSchemes: ReadonlySet<string> = new Set(['libsql', 'https', 'http', 'wss', 'ws'])

const allowed = 'it must be a path, a file: URL, :memory:, or a libsql:, https:, http:, wss: or ws: URL'

/**
 * Reads a database URL.
 *
 * A text without a scheme is a path and taken literally: `%`, `?` and `#` are characters of it. In a `file:`
 * URL, relative or absolute, `%XX` is decoded, and a query or a fragment is refused. `:memory:` and
 * `file::memory:` are a database in memory.
 *
 * @param url The URL or path.
 * @param subject What the errors call it. @default {'the database URL'}
 * @throws {ConfigError} If it is none of these. The message never shows credentials or the values of a query.
 * @example
 * ```ts
 * parseDatabaseUrl('file:./data/my%20app.db') // { kind: 'file', path: './data/my app.db' }
 * parseDatabaseUrl('C:\\data\\app.db') // { kind: 'file', path: 'C:\\data\\app.db' }
 * parseDatabaseUrl('libsql://db.example.com') // { kind: 'remote', url: 'libsql://db.example.com' }
 * ```
 */
export function parseDatabaseUrl(url: string, subject: string = 'the database URL'): DatabaseLocation {
  const refuse: Refuse = (reason) => new ConfigError(`Cannot use ${subject} as ${reason}`)
  if (typeof url !== 'string') throw refuse(`it is of type ${typeof url}: it must be a string`)
  if (url.trim() === '') throw refuse(`it is empty: ${allowed}`)
  if (url.trim() !== url) throw refuse('it begins or ends with white space: it must not, a line end included')
  if (url.includes('\0')) throw refuse('it has U+0000 in it: no file name can hold that')
  if (url === ':memory:') return { kind: 'memory' }

  // A scheme of one letter is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]
  if (scheme === undefined) return { kind: 'file', path: url }
  const name = scheme.toLowerCase()
  if (name === 'file') return locationOfFileUrl(url, refuse)
  if (remoteSchemes.has(name)) return remoteLocation(url, name, refuse)
  throw refuse(`its scheme is "${scheme}:": ${allowed} (a file of that name is ./${scheme}:…)`)
}

type Refuse = (reason: string) => ConfigError

function remoteLocation(url: string, scheme: string, refuse: Refuse): DatabaseLocation {
  if (/^[^:]+:\/\/[^/?#\s]/.test(url)) return { kind: 'remote', url }
  throw refuse(`it has no host: a ${scheme}: URL must begin with ${scheme}://host`)
}

function locationOfFileUrl(url: string, refuse: Refuse): DatabaseLocation {
  const afterScheme = url.slice('file:'.length)
  const extra = /[?#]/.exec(afterScheme)?.[0]
  if (extra !== undefined) {
    const [what, encoded] = extra === '?' ? ['query parameters', '%3F'] : ['a fragment', '%23']
    const rule = `options go into openStorage(), and ${encoded} is the ${extra} of a file name`
    throw refuse(`it is a file: URL with ${what}: ${rule}`)
  }
  const encodedPath = withoutHost(afterScheme, refuse)
  // file:///C:/app.db is C:/app.db (https://www.sqlite.org/uri.html).
  const path = decoded(/^\/[a-z]:\//i.test(encodedPath) ? encodedPath.slice(1) : encodedPath, refuse)
  if (path === ':memory:') return { kind: 'memory' }
  if (path === '') throw refuse('it has no path: it must be like file:app.db or file:///data/app.db')
  // A driver that reads URLs by itself would open another file for it than one that does not.
  if (/^file:/i.test(path)) throw refuse('its path begins with "file:": a file of that name is file:./file:…')
  return { kind: 'file', path }
}

function withoutHost(afterScheme: string, refuse: Refuse): string {
  if (!afterScheme.startsWith('//')) return afterScheme
  const slash = afterScheme.indexOf('/', 2)
  const host = slash === -1 ? afterScheme.slice(2) : afterScheme.slice(2, slash)
  if (host === '' || host.toLowerCase() === 'localhost') return slash === -1 ? '' : afterScheme.slice(slash)
  // The host is not shown, as it may hold credentials. Mostly it is `file://app.db`: the examples explain.
  const examples = 'file:app.db, file:/data/app.db or file:///data/app.db'
  throw refuse(`it is a file: URL with a host: it must be like ${examples}`)
}

function decoded(path: string, refuse: Refuse): string {
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    throw refuse('its percent-encoding is malformed: %XX must be bytes of UTF-8, %25 is the % of a name')
  }
  if (text.includes('\0')) throw refuse('it has %00 in it: no file name can hold that')
  return text
}
