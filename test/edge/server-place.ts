/**
 * A libSQL server as the isolate meets it: by `fetch` alone.
 *
 * @module
 */
import { createClient } from '@libsql/client/web'
import { libsqlWeb } from 'unbusy/libsql-web'
import type { Place } from './place.ts'

/** The database of a server as a place for cases. */
export function serverPlace(url: string): Place {
  return {
    name: 'libsql-web',
    connect: () => libsqlWeb({ url }),
    async query(sql) {
      const client = createClient({ url })
      // Copied, as the rows of the client have indices as well as names.
      return (await client.execute(sql)).rows.map((row) => ({ ...row }))
    },
  }
}
