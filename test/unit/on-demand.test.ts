/**
 * What is loaded with its first use comes to the same as what is there already. Each case has a core of its own, of which
 * nothing was used yet.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Storage } from 'unbusy'
import { libsqlWeb } from 'unbusy/libsql-web'
import { describe, expect, it, onTestFinished } from 'vitest'
import { OnDemand, untilLoaded } from '../../src/on-demand.ts'
import type { AnyDatabase } from '../contract/case.ts'
import { runtime } from '../contract/matrix.ts'
import { startHranaServer } from '../hrana/start.ts'
import { unusedCore } from './loads.ts'
import { firstConnector } from './pool.ts'

async function openUnused(url = ':memory:'): Promise<{
  storage: Storage<AnyDatabase>
  loaded: () => string[]
}> {
  const { core, loaded } = await unusedCore()
  const storage = await core.openStorage<AnyDatabase>({ connector: await firstConnector(url) })
  onTestFinished(async () => void (await storage.close()))
  await sql`create table item (id integer primary key, value)`.execute(storage.db)
  return { storage, loaded }
}

describe('openStorage()', () => {
  it('loads what is used, when it is used', async () => {
    const { storage, loaded } = await openUnused()
    const { db } = storage
    const insert = db.insertInto('item').values({ value: 1 })
    const add = storage.prepare((prepared, p: { value: number }) =>
      prepared.insertInto('item').values({ value: p.value }),
    )
    expect(loaded()).toEqual(['connection/pragmas'])

    await insert.execute()
    await storage.batch([insert, db.selectFrom('item').selectAll()])
    await add({ value: 2 })
    expect(loaded()).toEqual([])

    await storage.write((trx) => trx.insertInto('item').values({ value: 3 }).execute())
    expect(loaded()).toEqual(['pool/event-text', 'transactions/session', 'transactions/transaction-watchdog'])
    await storage.batch([insert], { idempotencyKey: 'once' })
    expect(loaded()).toEqual(['pool/ledger'])
    await storage.repository('item', { key: 'id' }).deleteMany([1])
    expect(loaded()).toEqual(['bulk/writer'])
    await db.introspection.getTables()
    expect(loaded()).toEqual(['kysely/table-introspector'])
    storage.append({ table: 'item' }).push({ value: 4 })
    await storage.flush()
    expect(loaded()).toEqual(['buffers/flush', 'buffers/poison'])
  })

  it('loads what looks after a file for a file alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { loaded } = await openUnused(join(folder, 'file.db'))

    expect(loaded()).toEqual([
      'checkpoint',
      'connection/file-guard',
      'connection/pragmas',
      'pool/event-text',
      'pool/file-database',
    ])
  })

  it.skipIf(runtime !== 'node')(
    'loads neither that nor pragmas for a server, but how its groups are sent (one runtime: the core is the same)',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
      onTestFinished(() => rm(folder, { recursive: true, force: true }))
      await using server = await startHranaServer({ path: join(folder, 'served.db') })
      const { core, loaded } = await unusedCore()
      await using storage = await core.openStorage<AnyDatabase>({ connector: libsqlWeb({ url: server.url }) })
      expect(loaded()).toEqual(['write-queue/batch-group'])

      await sql`create table item (id integer primary key)`.execute(storage.db)
      expect((await sql`select id from item`.execute(storage.db)).rows).toEqual([])

      expect(loaded()).toEqual([])
    },
  )
})

describe('the first use of', () => {
  it('a repository has the rows of the call, and keeps its place among the writes of its lane', async () => {
    const { storage } = await openUnused()
    const background = storage.with({ lane: 'background' })
    const items = storage.repository('item', { key: 'id' })
    const row = { id: 1, value: 'bulk' }

    const inserted = items.insertMany([row])
    row.value = 'changed since'
    const updated = background.updateTable('item').set('value', sql`value || ', single'`).executeTakeFirst()
    const appended = items.upsertMany([
      { id: 1, value: 'bulk again' },
      { id: 2, value: 'bulk' },
    ])
    const last = background.updateTable('item').set('value', sql`value || ', last'`).executeTakeFirst()

    expect(await inserted).toEqual({ changes: 1 })
    expect((await updated).numUpdatedRows).toBe(1n)
    expect(await appended).toEqual({ changes: 2 })
    expect((await last).numUpdatedRows).toBe(2n)
    expect(await storage.db.selectFrom('item').select('value').orderBy('id').execute()).toEqual([
      { value: 'bulk again, last' },
      { value: 'bulk, last' },
    ])
  })

  it('an idempotency key keeps the place of its batch among the writes of its lane', async () => {
    const { storage } = await openUnused()
    const insert = (value: string) => storage.db.insertInto('item').values({ value })

    await Promise.all([
      storage.batch([insert('first')], { idempotencyKey: 'one' }),
      insert('second').execute(),
      storage.batch([insert('third')], { idempotencyKey: 'two' }),
      insert('fourth').execute(),
    ])

    const rows = await storage.db.selectFrom('item').select('value').orderBy('id').execute()
    expect(rows.map(({ value }) => value)).toEqual(['first', 'second', 'third', 'fourth'])
  })

  it('a repository fails with the frames of its caller', async () => {
    const { storage } = await openUnused()
    const items = storage.repository('item', { key: 'id' })

    async function theCaller(): Promise<unknown> {
      return await items.insertMany([{ id: 1, missing: 1 }])
    }

    const error = (await theCaller().catch((reason) => reason)) as Error
    expect(error).toHaveProperty('name', 'SqliteError')
    expect(error.stack).toContain('theCaller')
  })

  it('whatever was called for before close() is done by it, and what is called for after it is refused', async () => {
    const { storage } = await openUnused()
    const { db } = storage
    const row = { value: 1 }
    const calls = (): Promise<unknown>[] => [
      storage.repository('item', { key: 'id' }).insertMany([row]),
      storage.write((trx) => trx.insertInto('item').values(row).execute()),
      db.connection().execute((one) => one.insertInto('item').values(row).execute()),
    ]

    const before = Promise.allSettled(calls())
    const closed = storage.close()
    const after = Promise.allSettled(calls())

    expect((await before).map(({ status }) => status)).toEqual(new Array(3).fill('fulfilled'))
    expect((await after).map(({ status }) => status)).toEqual(new Array(3).fill('rejected'))
    expect(await closed).toMatchObject({ rejectedWrites: 0, revokedTransactions: 0 })
  })

  it('a buffer is what close() drains, too', async () => {
    const { storage } = await openUnused()
    const seen: number[][] = []
    const values = storage.coalesce({
      key: (value: number) => value,
      flush: async (batch: readonly number[]) => void seen.push([...batch]),
    })
    const rows = storage.append({ table: 'item' })

    values.set(1)
    rows.push({ value: 2 })

    expect(await storage.close()).toMatchObject({ unflushedValues: 0, unwrittenRows: 0 })
    expect(seen).toEqual([[1]])
    expect(rows.stats()).toMatchObject({ flushed: 1, dropped: 0 })
  })
})

describe('close()', () => {
  it('waits for a load that never ends no longer than drainTimeoutMs', async () => {
    const { core } = await unusedCore()
    const storage = await core.openStorage<AnyDatabase>({
      connector: await firstConnector(':memory:'),
      drainTimeoutMs: 50,
    })
    const { OnDemand: OnDemandOfCore } = await import('../../src/on-demand.ts')
    void new OnDemandOfCore(() => new Promise(() => {})).load()

    expect(await storage.close()).toMatchObject({ rejectedWrites: 0 })
  })
})

describe('OnDemand', () => {
  it('loads once, and after a failure once more', async () => {
    let loads = 0
    const part = new OnDemand(async () => {
      if (++loads === 1) throw new Error('The file is not there')
      return loads
    })

    const failed = await Promise.allSettled([part.load(), part.load()])
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(part.loaded).toBeUndefined()

    expect(await Promise.all([part.load(), part.load()])).toEqual([2, 2])
    expect(part.loaded).toBe(2)
    expect(await part.load()).toBe(2)
  })

  it('untilLoaded() waits for what is being loaded, also where that fails', async () => {
    const file = Promise.withResolvers<void>()
    const failing = new OnDemand(() => file.promise)
    const outcome = failing.load().catch(() => 'failed')
    let isOver = false
    const waiting = untilLoaded(async () => {}).then(() => {
      isOver = true
    })

    await Promise.resolve()
    expect(isOver).toBe(false)
    file.reject(new Error('The file is not there'))
    await waiting

    expect(await outcome).toBe('failed')
  })
})
