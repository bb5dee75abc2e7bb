import { CompiledQuery } from 'kysely'
import { ConstraintError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { run } from '../contract/run-sql.ts'
import { transports, useServer } from './remote-storage.ts'

const remote = useServer()

describe.each(transports)('round trips over %s', (transport) => {
  it('are one for a read, a lone write, a batch and a group of writes', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const { db } = storage
    const insert = (text: string) => db.insertInto('note').values({ text })
    const trips = async (work: () => Promise<unknown>): Promise<number> => {
      const before = (await remote.server.counts()).roundTrips
      await work()
      return (await remote.server.counts()).roundTrips - before
    }

    const read = await trips(() => db.selectFrom('note').selectAll().execute())
    const write = await trips(() => insert('a').execute())
    const batch = await trips(() =>
      storage.batch([insert('b'), insert('c'), db.selectFrom('note').selectAll()]),
    )
    const group = await trips(() => Promise.all(Array.from({ length: 100 }, () => insert('d').execute())))
    const transaction = await trips(() =>
      storage.write(async (trx) => {
        await trx.selectFrom('note').selectAll().execute()
        await trx.insertInto('note').values({ text: 'e' }).execute()
      }),
    )

    expect({ read, write, batch, transaction }).toEqual({ read: 1, write: 1, batch: 1, transaction: 4 })
    // The first of a hundred goes alone, as nothing was in flight; the others wait for its answer together.
    expect(group).toBeLessThanOrEqual(2)
    const { rows } = await db.executeQuery<{ n: number }>(CompiledQuery.raw('select count(*) as n from note'))
    expect(rows).toEqual([{ n: 104 }])
  })

  it('are one for a batch with an idempotencyKey, stored or refused, once there is a ledger of keys', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text unique)')
    const add = (text: string, idempotencyKey: string) =>
      storage.batch([storage.db.insertInto('note').values({ text })], { idempotencyKey })
    await add('a', 'first')
    const before = (await remote.server.counts()).roundTrips

    await add('b', 'second')
    await expect(add('a', 'third')).rejects.toThrow(ConstraintError)

    expect((await remote.server.counts()).roundTrips - before).toBe(2)
  })
})
