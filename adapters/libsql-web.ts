/**
 * The connector of libSQL servers for edge isolates: like `unbusy/libsql` with the URL of a server, without Node built-ins.
 *
 * @module
 */
import type { Connector } from '../src/connector.ts'
import { context } from './_context.ts'
import { type LibsqlRemoteOptions, libsqlServer } from './_libsql-remote.ts'

export type { LibsqlRemoteOptions } from './_libsql-remote.ts'

/**
 * Opens databases on a libSQL server, such as Turso or a sqld of your own: `npm install @libsql/client`.
 *
 * @throws {ConfigError | RangeError} If an option cannot be used.
 * @example
 * ```ts
 * import { openStorage } from 'unbusy'
 * import { libsqlWeb } from 'unbusy/libsql-web'
 *
 * const connector = libsqlWeb({ url: env.DATABASE_URL, authToken: env.DATABASE_AUTH_TOKEN })
 * const storage = await openStorage<Database>({ connector })
 * ```
 */
export function libsqlWeb(options: LibsqlRemoteOptions): Connector {
  return libsqlServer(options, { name: 'libsql-web', context })
}
