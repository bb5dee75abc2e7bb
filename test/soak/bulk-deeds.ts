/**
 * Buffers and the bulk verbs of a repository.
 *
 * @module
 */
import { type Deed, type DeedContext, text } from './deed.ts'

/** Rows that are appended, and values of which only the latest counts. */
export function bufferedDeeds({ storage, writer }: DeedContext): readonly Deed[] {
  const queue = storage.append({ table: 'log', intervalMs: 50, maxBatch: 100 })
  const machines = storage.repository('machine', { key: 'id' })
  const presence = storage.coalesce({
    key: ({ id }: { id: string; version: number }) => id,
    flush: (values, context) => machines.upsertMany(values, context),
    intervalMs: 50,
  })
  return [
    {
      name: 'append',
      pauseMs: 40,
      async run(n) {
        for (let part = 0; part < 10; part++) queue.push({ writer, n, part, text })
        await queue.flush()
        return { rows: 10 }
      },
    },
    {
      name: 'coalesce',
      pauseMs: 40,
      async run(version) {
        for (let id = 0; id < 50; id++) presence.set({ id: `${writer} presence ${id}`, version })
        await presence.flush()
        const { lowest } = await storage.db
          .selectFrom('machine')
          .select(({ fn }) => fn.min<number>('version').as('lowest'))
          .where('id', 'like', `${writer} presence %`)
          .executeTakeFirstOrThrow()
        if (lowest !== version) throw new Error(`The value ${lowest} is stored, ${version} was flushed`)
        return { rows: 0 }
      },
    },
  ]
}

/** Upserts, updates and deletes of many rows. */
export function bulkDeeds({ storage, writer }: DeedContext): readonly Deed[] {
  const machines = storage.repository('machine', { key: 'id' })
  const ids = Array.from({ length: 1_200 }, (_, index) => `${writer} bulk ${index}`)
  return [
    {
      name: 'repository',
      pauseMs: 150,
      async run(version) {
        await machines.upsertMany(
          ids.map((id) => ({ id, version, text })),
          { atomic: version % 2 === 0 },
        )
        await machines.updateMany(ids.slice(0, 100).map((id) => ({ id, version: version + 1 })))
        await machines.deleteMany(ids.slice(600))
        const { n } = await storage.db
          .selectFrom('machine')
          .select(({ fn }) => fn.countAll<number>().as('n'))
          .where('id', 'like', `${writer} bulk %`)
          .executeTakeFirstOrThrow()
        if (n !== 600) throw new Error(`${n} rows are left of 600`)
        return { rows: 0 }
      },
    },
  ]
}
