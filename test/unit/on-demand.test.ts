/**
 * What is loaded with its first use comes to the same as what is there already. Each case has a core of its own, of which
 * nothing was used yet.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from 'unbusy'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { OnDemand, untilLoaded } from '../../src/on-demand.ts'
import type { AnyDatabase } from '../contract/case.ts'
import { firstConnector } from './pool.ts'

async function openUnused(): Promise<Storage<AnyDatabase>> {
  vi.resetModules()
  const { openStorage } = await import('unbusy')
  const storage = await openStorage<AnyDatabase>({ connector: await firstConnector(':memory:') })
  onTestFinished(async () => void (await storage.close()))
  await sql`create table item (id integer primary key, value)`.execute(storage.db)
  return storage
}

describe('the first use of', () => {
  it('a repository has the rows of the call, and keeps its place among the writes of its lane', async () => {
    const storage = await openUnused()
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

  it('a repository fails with the frames of its caller', async () => {
    const storage = await openUnused()
    const items = storage.repository('item', { key: 'id' })

    async function theCaller(): Promise<unknown> {
      return await items.insertMany([{ id: 1, missing: 1 }])
    }

    const error = (await theCaller().catch((reason) => reason)) as Error
    expect(error).toHaveProperty('name', 'SqliteError')
    expect(error.stack).toContain('theCaller')
  })

  it('whatever was called for before close() is done by it, and what is called for after it is refused', async () => {
    const storage = await openUnused()
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
