import { sql } from 'kysely'
import { OutcomeUnknownError, TransactionEndedError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { run } from '../contract/run-sql.ts'
import { countNotes, transports, useServer } from './remote-storage.ts'

const remote = useServer({ txnTimeoutMs: 150, streamIdleMs: 300 })
const schema = 'create table note (id integer primary key, text unique)'

describe.each(transports)('a transaction over %s', (transport) => {
  it('C10 refuses all but a rollback after its first error, and nothing of it is stored', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema, "insert into note (text) values ('a')")

    const caught: unknown[] = []
    const writing = storage.write(async (trx) => {
      await run(trx, "insert into note (text) values ('b')")
      await run(trx, "insert or rollback into note (text) values ('a')").catch((error) => caught.push(error))
      // The server has no transaction any more, and would commit this by itself.
      await run(trx, "insert into note (text) values ('c')").catch((error) => caught.push(error))
    })

    await expect(writing).rejects.toBeInstanceOf(TransactionEndedError)
    expect(caught[0]).toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' })
    expect(caught[1]).toBeInstanceOf(TransactionEndedError)
    expect(caught[1]).toMatchObject({ cause: caught[0] })
    expect(await countNotes(storage)).toBe(1)
  })

  it('C10 goes on after ROLLBACK TO a savepoint, which shows that it is still there', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema, "insert into note (text) values ('a')")

    await storage.write(async (trx) => {
      await run(trx, "insert into note (text) values ('b')", 'savepoint one')
      await run(trx, "insert into note (text) values ('a')").catch(() => {})
      await run(trx, 'rollback to one', "insert into note (text) values ('c')")
    })

    expect(await countNotes(storage)).toBe(3)
  })

  it('C10 stays refused when ROLLBACK TO finds no savepoint', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema, "insert into note (text) values ('a')")

    const writing = storage.write(async (trx) => {
      await run(trx, 'savepoint one')
      await run(trx, "insert or rollback into note (text) values ('a')").catch(() => {})
      await run(trx, 'rollback to one').catch(() => {})
      await run(trx, "insert into note (text) values ('c')").catch(() => {})
    })

    await expect(writing).rejects.toBeInstanceOf(TransactionEndedError)
    expect(await countNotes(storage)).toBe(1)
  })

  it('C10 that the server took away commits nothing, and says so', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)
    await run(storage.db, "insert into note (text) values ('before')")

    const writing = storage.write(async (trx) => {
      await run(trx, "insert into note (text) values ('b')")
      await remote.server.forceTimeout()
      await run(trx, "insert into note (text) values ('c')").catch(() => {})
      await run(trx, "insert into note (text) values ('d')").catch(() => {})
    })

    await expect(writing).rejects.toBeInstanceOf(TransactionEndedError)
    await expect(writing).rejects.toMatchObject({ cause: { name: 'RemoteError', outcome: 'rolled-back' } })
    expect(await countNotes(storage)).toBe(1)
  })

  it('C16 is rolled back when the server restarts in it, also at COMMIT', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)

    const inside = storage.write(async (trx) => {
      await run(trx, "insert into note (text) values ('b')")
      await remote.server.restart()
      await run(trx, "insert into note (text) values ('c')")
    })
    await expect(inside).rejects.toMatchObject({ name: 'RemoteError', outcome: 'rolled-back' })
    expect(await countNotes(storage)).toBe(0)
  })

  it('C16 whose COMMIT is lost has an unknown outcome; whose statement is lost has none', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)
    const write = (text: string): Promise<void> =>
      storage.write(async (trx) => run(trx, `insert into note (text) values ('${text}')`))

    await remote.server.faults({ script: [{ fault: { kind: 'drop', when: 'after' }, matching: '"COMMIT"' }] })
    await expect(write('commit')).rejects.toBeInstanceOf(OutcomeUnknownError)
    expect(await countNotes(storage)).toBe(1)

    // BEGIN is the first request of a transaction that runs SQL, its only statement the second.
    await remote.server.faults({ script: [{ fault: { kind: 'drop', when: 'after' }, skip: 1 }] })
    await expect(write('statement')).rejects.toMatchObject({ name: 'RemoteError', outcome: 'rolled-back' })
    expect(await countNotes(storage)).toBe(1)
  })

  it('C4 whose BEGIN is lost begins again, and its callback runs once', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)
    await remote.server.faults({ script: [{ fault: { kind: 'drop', when: 'after' } }] })
    let calls = 0

    await storage.write(async (trx) => {
      calls++
      await run(trx, "insert into note (text) values ('b')")
    })

    expect(calls).toBe(1)
    expect(await countNotes(storage)).toBe(1)
  })

  it('C2 that is read-only reads one snapshot', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)

    const counts = await storage.db
      .transaction()
      .setAccessMode('read only')
      .execute(async (trx) => {
        const count = async (): Promise<unknown> =>
          (await sql<{ n: number }>`select count(*) as n from note`.execute(trx)).rows[0]?.n
        const before = await count()
        await run(storage.db, "insert into note (text) values ('b')")
        return [before, await count()]
      })

    expect(counts).toEqual([0, 0])
    expect(await countNotes(storage)).toBe(1)
  })

  it('C2 that is read-only has nothing that could be lost at its end', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, schema)
    const drop = { kind: 'drop', when: 'after' } as const
    const ends = ['"COMMIT"', '"ROLLBACK"'].map((matching) => ({ fault: drop, matching }))
    await remote.server.faults({ script: ends })

    const reading = storage.db
      .transaction()
      .setAccessMode('read only')
      .execute((trx) => sql`select 1 as one`.execute(trx))

    await expect(reading).resolves.toMatchObject({ rows: [{ one: 1 }] })
  })
})
