/**
 * Reads: streams to their end or not, snapshots, and what is not there yet.
 *
 * @module
 */
import type { Deed, DeedContext } from './deed.ts'

/** Reads of the log. */
export function readDeeds({ storage, writer }: DeedContext): readonly Deed[] {
  const { db } = storage
  return [
    {
      name: 'stream',
      pauseMs: 100,
      async run() {
        let count = 0
        const limit = Math.random() < 0.3 ? 20 : 400
        for await (const _ of db.selectFrom('log').selectAll().limit(500).stream(25))
          if (++count >= limit) break
        return { rows: 0 }
      },
    },
    {
      name: 'read-only transaction',
      pauseMs: 50,
      async run() {
        await db
          .transaction()
          .setAccessMode('read only')
          .execute(async (trx) => {
            const count = (): Promise<{ n: number }> =>
              trx
                .selectFrom('log')
                .select(({ fn }) => fn.countAll<number>().as('n'))
                .executeTakeFirstOrThrow()
            const first = await count()
            await new Promise((resolve) => setTimeout(resolve, 5))
            const second = await count()
            if (first.n !== second.n) throw new Error(`A snapshot saw ${first.n} rows, then ${second.n}`)
          })
        return { rows: 0 }
      },
    },
    {
      name: 'read',
      pauseMs: 10,
      async run(n) {
        const query = db.selectFrom('log').selectAll().where('writer', '=', writer).where('n', '=', n)
        if ((await query.execute()).length > 0) throw new Error(`Unit ${n} is there already`)
        return { rows: 0 }
      },
    },
  ]
}
