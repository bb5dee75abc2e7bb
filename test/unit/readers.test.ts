import { getEventListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PoolOptions, StorageClosedError } from 'unbusy'
import { describe, expect, it, onTestFinished } from 'vitest'
import { rejection } from '../contract/note.ts'
import { firstConnector, openPool, type TestPool } from './pool.ts'

async function openFilePool(options: Partial<PoolOptions> = {}): Promise<TestPool> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  // Runs after what was registered later: the pool is closed by then.
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return openPool({ maxReaders: 2, ...options, connector: await firstConnector(join(folder, 'readers.db')) })
}

describe('Readers', () => {
  it('ends a wait whose signal aborts, and leaves no timer, listener or place in the line', async () => {
    const { pool, clock } = await openFilePool()
    const { readers } = pool
    const lent = await readers.borrow(pool.startWait())
    const controller = new AbortController()
    const aborted = rejection(readers.borrow(pool.startWait({ signal: controller.signal })))
    const served = readers.borrow(pool.startWait())

    controller.abort(new Error('enough'))
    expect(await aborted).toMatchObject({ message: 'enough' })
    readers.giveBack(lent)

    readers.giveBack(await served)
    expect(clock.pending).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(readers.unfinished).toBe(0)
  })

  it('does not begin a wait whose signal is aborted already', async () => {
    const { pool } = await openFilePool()
    const lent = await pool.readers.borrow(pool.startWait())
    const signal = AbortSignal.abort(new Error('before'))

    expect(await rejection(pool.readers.borrow(pool.startWait({ signal })))).toMatchObject({
      message: 'before',
    })

    pool.readers.giveBack(lent)
  })

  it('serves those who wait in the order of their calls', async () => {
    const { pool } = await openFilePool()
    const lent = await pool.readers.borrow(pool.startWait())
    const order: number[] = []
    const served = [1, 2, 3].map(async (place) => {
      const reader = await pool.readers.borrow(pool.startWait())
      order.push(place)
      pool.readers.giveBack(reader)
    })

    pool.readers.giveBack(lent)
    await Promise.all(served)

    expect(order).toEqual([1, 2, 3])
  })

  it('has the next one in line open a reader when one could not be opened', async () => {
    const gate = Promise.withResolvers<void>()
    let openings = 0
    const { pool } = await openFilePool({
      onConnection: async (_, role) => {
        if (role === 'writer' || ++openings > 1) return
        await gate.promise
        throw new Error('on purpose')
      },
    })
    const failing = rejection(pool.readers.borrow(pool.startWait()))
    const waiting = pool.readers.borrow(pool.startWait())

    gate.resolve()

    expect(await failing).toMatchObject({ message: 'on purpose' })
    pool.readers.giveBack(await waiting)
    expect(pool.readers.count).toBe(1)
  })

  it('refuses those who wait when it closes, and whoever comes later', async () => {
    const { pool } = await openFilePool()
    const { readers } = pool
    const lent = await readers.borrow(pool.startWait())
    const waiting = rejection(readers.borrow(pool.startWait()))
    const error = new StorageClosedError('closed')

    await readers.close(error)

    expect(await waiting).toBe(error)
    expect(await rejection(readers.borrow(pool.startWait()))).toBe(error)
    expect(await rejection(readers.read(pool.startWait(), async () => {}))).toBe(error)
    readers.giveBack(lent)
    expect(readers.count).toBe(0)
  })
})
