/**
 * Single writes, batches and transactions: those that are waited for, those that are refused, and those that are given up.
 *
 * @module
 */
import { sql } from 'kysely'
import { ConstraintError, LockTimeoutError, openStorage } from 'unbusy'
import { type Deed, type DeedContext, text } from './deed.ts'

const timeoutMs = 40

/** Writes that resolve, and one that a constraint refuses. */
export function writeDeeds({ storage, writer, connect, signal }: DeedContext): readonly Deed[] {
  const { db } = storage
  const row = (n: number, part: number): object => ({ writer, n, part, text })
  const insert = storage.prepare((db, p: { n: number }) =>
    db.insertInto('log').values({ writer, n: p.n, part: 0, text }),
  )
  const write: Deed = {
    name: 'write',
    pauseMs: 10,
    async run(n) {
      await storage.with({ signal }).insertInto('log').values(row(n, 0)).execute()
      return { rows: 1 }
    },
  }
  return [
    ...[write, write, write, write],
    {
      name: 'prepared',
      pauseMs: 10,
      async run(n) {
        await insert({ n })
        return { rows: 1 }
      },
    },
    {
      name: 'batch',
      pauseMs: 30,
      async run(n) {
        await storage.batch([0, 1, 2].map((part) => db.insertInto('log').values(row(n, part))))
        return { rows: 3 }
      },
    },
    {
      name: 'transaction',
      pauseMs: 40,
      async run(n) {
        await storage.write(async (trx) => {
          await trx.insertInto('log').values(row(n, 0)).execute()
          const count = trx.selectFrom('log').select(({ fn }) => fn.countAll<number>().as('n'))
          const { n: found } = await count
            .where('n', '=', n)
            .where('writer', '=', writer)
            .executeTakeFirstOrThrow()
          if (found !== 1) throw new Error(`The transaction sees ${found} of its rows`)
          await trx.insertInto('log').values(row(n, 1)).execute()
        })
        return { rows: 2 }
      },
    },
    {
      name: 'refused',
      pauseMs: 50,
      async run(n) {
        const writing = storage.batch([row(n, 0), row(n, -1)].map((it) => db.insertInto('log').values(it)))
        return rejects(writing, ConstraintError, 2, 'refused')
      },
    },
    {
      name: 'storage opened and closed',
      pauseMs: 400,
      async run(n) {
        await using other = await openStorage<object>({ connector: await connect(), onWarning: () => {} })
        await sql`insert into log values (${writer}, ${n}, 0, ${text})`.execute(other.db)
        await sql`select count(*) from machine`.execute(other.db)
        return { rows: 1 }
      },
    },
  ]
}

/** Writes that their callers do not wait for until the end. */
export function givenUpDeeds({ storage, writer }: DeedContext): readonly Deed[] {
  return [
    {
      name: 'abort',
      pauseMs: 15,
      async run(n) {
        const aborter = new AbortController()
        const reason = new AbortReason()
        const timer = setTimeout(() => aborter.abort(reason), Math.random() * 4)
        const handle = storage.with({ signal: aborter.signal, lane: 'background' })
        const writing = handle.insertInto('log').values({ writer, n, part: 0, text }).execute()
        // In the same turn, so that every other one leaves the queue for certain.
        if (Math.random() < 0.3) aborter.abort(reason)
        const result = await rejects(writing, AbortReason, 1, 'aborted')
        clearTimeout(timer)
        return result
      },
    },
    {
      name: 'timeout',
      pauseMs: 15,
      async run(n) {
        const handle = storage.with({ lockTimeoutMs: timeoutMs, lane: 'control' })
        const writing = handle.insertInto('log').values({ writer, n, part: 0, text }).execute()
        return rejects(writing, LockTimeoutError, 1, 'timed out')
      },
    },
  ]
}

class AbortReason extends Error {}

/** Resolved or rejected as it may: there must be all rows, or none. */
async function rejects(
  writing: Promise<unknown>,
  kind: new (...args: never[]) => Error,
  rows: number,
  as: string,
): Promise<{ rows: number; as?: string }> {
  try {
    await writing
    return { rows }
  } catch (error) {
    if (error instanceof kind) return { rows: 0, as }
    throw error
  }
}
