import { describe, expect, it } from 'vitest'
import { run } from '../contract/run-sql.ts'
import type { Fault } from '../hrana/faults.ts'
import { countNotes, transports, useServer } from './remote-storage.ts'

const remote = useServer({ txnTimeoutMs: 200 })

const faults: readonly Fault[] = [
  { kind: 'drop', when: 'before' },
  { kind: 'drop', when: 'after' },
  { kind: 'status', when: 'before', status: 503 },
  { kind: 'status', when: 'after', status: 502 },
  { kind: 'status', when: 'before', status: 429 },
  { kind: 'garbage' },
  { kind: 'restart' },
  { kind: 'error', code: 'SQLITE_BUSY', message: 'SQLite error: database is locked' },
]

describe.each(transports)('an idempotencyKey over %s', (transport) => {
  it('C16 has 1,000 batches applied exactly once, whatever gets lost', { timeout: 60_000 }, async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    await remote.server.faults({ random: { seed: 7, rate: 0.3, faults } })
    const { db } = storage
    const write = (number: number): Promise<unknown> =>
      storage.batch([db.insertInto('note').values({ text: `n${number}` })], {
        idempotencyKey: `key ${number}`,
      })

    // In waves, so that there are groups of every size, and enough requests to meet every fault.
    for (let start = 0; start < 1_000; start += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => write(start + index)))
    }

    const { faults: done } = await remote.server.counts()
    await remote.server.faults()
    expect(done).toBeGreaterThan(50)
    expect(await countNotes(storage)).toBe(1_000)
  })

  it('C12 of each flush has an append queue store every row once', { timeout: 60_000 }, async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const queue = storage.append({ table: 'note', intervalMs: 1, maxBatch: 5, lockTimeoutMs: 30 })
    await remote.server.faults({ random: { seed: 3, rate: 0.4, faults } })

    for (let number = 0; number < 200; number++) queue.push({ text: `n${number}` })
    await queue.flush()

    await remote.server.faults()
    expect(queue.stats()).toMatchObject({ flushed: 200, dropped: 0, duplicates: 0 })
    expect(await countNotes(storage)).toBe(200)
  })
})

describe('an idempotencyKey', () => {
  it('C12 is kept for rows whose flush may be stored, until a server says so', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text)')
    const queue = storage.append({ table: 'note', intervalMs: 1, lockTimeoutMs: 50 })
    const outage: Fault = { kind: 'status', when: 'before', status: 503 }
    const lost: Fault = { kind: 'drop', when: 'after' }
    await remote.server.faults({
      script: [
        { fault: lost, matching: 'insert into unbusy_ledger' },
        { fault: outage, matching: 'insert into unbusy_ledger', times: 1_000 },
      ],
    })

    for (const text of ['a', 'b', 'c']) queue.push({ text })
    await expect.poll(() => queue.stats().failures, { timeout: 5_000 }).toBeGreaterThan(1)
    for (const text of ['d', 'e']) queue.push({ text })
    await remote.server.faults()
    await queue.flush()

    expect(await countNotes(storage)).toBe(5)
  })

  it('C12 of a flush whose answer was lost has no row count as a duplicate', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text)')
    const queue = storage.append({ table: 'note', idempotencyKey: 'id' })
    const lost: Fault = { kind: 'drop', when: 'after' }
    await remote.server.faults({ script: [{ fault: lost, matching: 'insert into unbusy_ledger' }] })

    for (let id = 1; id <= 5; id++) queue.push({ id, text: 'a' })
    await queue.flush()
    await remote.server.faults()
    queue.push({ id: 5, text: 'b' })
    await queue.flush()

    expect(await countNotes(storage)).toBe(5)
    expect(queue.stats()).toMatchObject({ flushed: 6, duplicates: 1 })
    const notes = storage.repository('note', { key: 'id' })
    const write = () => notes.upsertMany([{ id: 6, text: 'c' }], { idempotencyKey: 'k' })
    expect(await write()).toEqual({ changes: 1 })
    expect(await write()).toEqual({ changes: 0, isRepeated: true })
  })

  it('has a second call resolve with empty results, until it expires', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text)')
    const query = storage.db.insertInto('note').values({ text: 'a' }).returning('id')
    const write = (): Promise<readonly { rows: unknown[] }[]> =>
      storage.batch([query], { idempotencyKey: 'k' })

    const [first] = await write()
    const [second] = await write()
    await run(storage.db, 'update unbusy_ledger set expires_at = 0')
    const [third] = await write()

    expect([first?.rows, second?.rows, third?.rows]).toEqual([[{ id: 1 }], [], [{ id: 2 }]])
  })

  it('C16 is remembered for as long as the call itself may send it again', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text)')
    const matching = 'insert into unbusy_ledger'
    const late: Fault = { kind: 'delay', when: 'before', ms: 1_500 }
    await remote.server.faults({
      script: [
        { fault: { kind: 'drop', when: 'after' }, matching },
        { fault: late, matching },
      ],
    })

    const insert = storage.db.insertInto('note').values({ text: 'a' })
    await storage.batch([insert], { idempotencyKey: 'k', idempotencyTtlMs: 1_000 })
    await storage.batch([insert], { idempotencyKey: 'endless', lockTimeoutMs: Number.POSITIVE_INFINITY })

    expect(await countNotes(storage)).toBe(2)
  })

  it('does not hide the error of a statement, which stores nothing and leaves the key free', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key, text unique)')
    await run(storage.db, "insert into note (text) values ('a')")
    const write = (text: string): Promise<unknown> =>
      storage.batch([storage.db.insertInto('note').values({ text })], { idempotencyKey: 'k' })

    await expect(write('a')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE' })
    await write('b')

    expect(await countNotes(storage)).toBe(2)
  })
})
