/**
 * The end of the demo: what was taken in is written, or said to be dropped.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { holdLock } from 'unbusy/testing'
import { describe, expect, it } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import { type DemoTarget, startDemo, targets, temporaryFolder } from './demo-server.ts'
import { newSession, untilStored, untilWaiting } from './route-case.ts'
import { openUpdates, watchEvents } from './watcher.ts'

/** What the buffers do at the end is the same whatever the dialect. */
const [anyTarget] = targets

describe.concurrent.each(targets)(`demo on $runtime with $dialect, stopped by SIGTERM`, (target) => {
  it('drains, says so, leaves no file beside the database, and starts again without the write lock', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'demo.db')
    await using demo = await startDemo(target, path)
    await demo.request('/v1/machines', { id: 'before', metadata: '' })
    const session = await newSession(demo)
    await using watcher = await watchEvents(demo)
    await using socket = await openUpdates(demo)

    const lock = await holdLock(path, 20_000)
    const waiting = Promise.all([
      demo.request('/v1/machines', { id: 'waiting', metadata: '' }),
      demo.request('/v1/sessions', { tag: 'waiting', metadata: '' }),
    ])
    await untilWaiting(demo, 2)
    const time = Date.now() + 60_000
    const heartbeats = [
      { type: 'session-alive', sid: session, time },
      { type: 'machine-alive', machineId: 'before', time },
    ]
    expect((await demo.request('/v1/presence', { heartbeats })).status).toBe(200)
    const usage = { externalKey: 'e', sessionId: session, tokens: { total: 1 }, cost: { total: 1 } }
    expect((await demo.request('/v2/usage-events', usage)).status).toBe(202)
    await demo.beginStop()
    await lock.release()

    await watcher.ended()
    await socket.watcher.ended()
    expect((await waiting).map(({ status }) => status)).toEqual([200, 200])
    const { code, stdout, stderr } = await demo.stop()
    expect(code, stderr).toBe(0)
    expect(stdout).not.toContain('hanging up')
    expect(stdout).toMatch(
      /^Drained: answered \d+ waiting writes; written 2 heartbeats, 1 usage events; dropped 0 writes, 0 transactions, 0 heartbeats, 0 usage events; /m,
    )
    if (target.dialect !== 'libsql') {
      expect(stdout).toContain('no demo.db-wal left')
      expect([existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([false, false])
    }
    const stored =
      'select id, active from machine union all select external_key, 1 from usage_event order by id'
    expect(await peerQuery(path, [stored])).toEqual([
      { id: 'before', active: 1 },
      { id: 'e', active: 1 },
      { id: 'waiting', active: 0 },
    ])

    await using _lock = await holdLock(path, 20_000)
    await using again = await startDemo(target, path)
    expect((await again.request('/v1/machines/before')).status).toBe(200)
  })
})

describe.concurrent.each(targets)(`demo on $runtime with $dialect, machines connected`, (target) => {
  it('stores on SIGTERM that they are not active any more, and counts it as written', async () => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'), { PRESENCE_FLUSH_MS: '20' })
    for (const id of ['one', 'two']) await demo.request('/v1/machines', { id, metadata: '' })
    await using _one = await openUpdates(demo, '?machineId=one')
    await using _two = await openUpdates(demo, '?machineId=two')
    await using _again = await openUpdates(demo, '?machineId=two')
    const active = 'select active from machine'
    await untilStored(demo, active, (rows) => rows.every((row) => row.active === 1))

    const { stdout } = await demo.stop()
    expect(await peerQuery(demo.path, [active])).toEqual([{ active: 0 }, { active: 0 }])
    expect(stdout).toMatch(
      /^Drained: answered \d waiting writes; written [2-9] heartbeats, .* 0 heartbeats, 0 usage events; /m,
    )
  })
})

it.concurrent('says what was dropped when the lock is held for longer than it may wait', async () => {
  await using folder = await temporaryFolder()
  await using demo = await startDemo(anyTarget as DemoTarget, join(folder.path, 'demo.db'), {
    SQLITE_LOCK_TIMEOUT_MS: '200',
  })
  const session = await newSession(demo)
  await using _lock = await holdLock(demo.path, 20_000)
  await demo.request('/v1/presence', {
    heartbeats: [{ type: 'session-alive', sid: session, time: Date.now() + 60_000 }],
  })
  const usage = { externalKey: 'e', sessionId: session, tokens: { total: 1 }, cost: { total: 1 } }
  await demo.request('/v2/usage-events', usage)

  const { code, stdout } = await demo.stop()
  expect(code).toBe(0)
  expect(stdout).toContain(
    '; written 0 heartbeats, 0 usage events; dropped 0 writes, 0 transactions, 1 heartbeats, 1 usage events; ',
  )
})

it.concurrent('a second signal ends the demo at once', async () => {
  await using folder = await temporaryFolder()
  await using demo = await startDemo(anyTarget as DemoTarget, join(folder.path, 'demo.db'))
  const session = await newSession(demo)
  await using _lock = await holdLock(demo.path, 20_000)
  await demo.request('/v1/presence', {
    heartbeats: [{ type: 'session-alive', sid: session, time: Date.now() + 60_000 }],
  })
  await demo.beginStop()
  const startMs = performance.now()

  const { code, stdout } = await demo.insist()
  expect(performance.now() - startMs).toBeLessThan(5_000)
  expect(code).toBe(130)
  expect(stdout).toContain('Ended at once')
})
