/**
 * A Worker without anything of Node: the core, D1, and what an application does with them.
 *
 * @module
 */
import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { type D1DatabaseLike, d1 } from 'unbusy/d1'

interface Database {
  readonly seen: { id: string; at: number }
}

/** What the isolate does not have, as it finds it. */
interface Findings {
  readonly hasProcess: boolean
  readonly hasSetImmediate: boolean
  readonly generatedCode: string
  readonly rows: readonly unknown[]
  readonly severity: string
}

export default {
  async fetch(_request: Request, { DB }: { readonly DB: D1DatabaseLike }): Promise<Response> {
    await using storage = await openStorage<Database>({ connector: d1({ database: DB }) })
    await sql`create table seen (id text primary key, at integer)`.execute(storage.db)
    const repository = storage.repository('seen', { key: 'id' })
    const presence = storage.coalesce({
      key: (seen: Database['seen']) => seen.id,
      merge: (_older, newer) => newer,
      flush: (seen, context) => repository.upsertMany(seen, context),
    })
    const usage = storage.append({ table: 'seen' })
    const touch = storage.prepare((db, p: { id: string }) =>
      db.updateTable('seen').set({ at: 9 }).where('id', '=', p.id),
    )
    presence.set({ id: 'a', at: 1 })
    presence.set({ id: 'a', at: 2 })
    usage.push({ id: 'b', at: 3 })
    await storage.flush()
    await touch({ id: 'b' })
    await storage.batch([storage.db.insertInto('seen').values({ id: 'c', at: 4 })])
    const findings: Findings = {
      hasProcess: 'process' in globalThis,
      hasSetImmediate: 'setImmediate' in globalThis,
      generatedCode: generated(),
      rows: await storage.db.selectFrom('seen').selectAll().orderBy('id').execute(),
      severity: (await storage.doctor()).severity,
    }
    return Response.json(findings)
  },
}

function generated(): string {
  try {
    return String(new Function('return 1')())
  } catch (error) {
    return (error as Error).name
  }
}
