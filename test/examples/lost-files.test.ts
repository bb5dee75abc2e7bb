/**
 * The demo when its database is taken away under it: it does not go on to take in what it can never store.
 *
 * @module
 */
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Demo, startDemo, targets, temporaryFolder } from './demo-server.ts'
import { brief, newSession } from './route-case.ts'
import { openUpdates } from './watcher.ts'

describe.concurrent.each(targets)(`demo on $runtime with $dialect, its -wal deleted`, (target) => {
  it('answers 503 to what is written, and then to heartbeats and usage events', async () => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'), { PRESENCE_FLUSH_MS: '60000' })
    const session = await newSession(demo)
    await using socket = await openUpdates(demo)
    await unlink(`${demo.path}-wal`)

    const unavailable = [503, 'unavailable']
    const machine = await demo.request('/v1/machines', { id: 'one', metadata: '' })
    expect([machine.status, machine.body.error]).toEqual(unavailable)
    expect(machine.headers.get('retry-after')).toBe('1')
    expect(machine.body.reason).not.toContain(folder.path)
    expect(await brief(beat(demo, session))).toEqual(unavailable)
    expect(await brief(use(demo, session))).toEqual(unavailable)
    socket.send({ type: 'session-alive', sid: session, time: Date.now() })
    const { data } = await socket.watcher.first(({ event }) => event === 'error')
    expect(data.error).toBe('unavailable')
    const statuses = ['/healthz', '/readyz'].map(async (path) => (await demo.request(path)).status)
    expect(await Promise.all(statuses)).toEqual([200, 503])
    expect((await demo.stop()).stderr.match(/Nothing is stored any more/g)).toHaveLength(1)
  })

  it('is told by a flush that failed', async ({ expect }) => {
    await using folder = await temporaryFolder()
    await using demo = await startDemo(target, join(folder.path, 'demo.db'), { PRESENCE_FLUSH_MS: '20' })
    const session = await newSession(demo)
    await unlink(`${demo.path}-wal`)

    await expect.poll(() => brief(beat(demo, session)), { timeout: 10_000 }).toEqual([503, 'unavailable'])
    expect(await brief(use(demo, session))).toEqual([503, 'unavailable'])
  })
})

function beat(demo: Demo, sid: string): ReturnType<Demo['request']> {
  return demo.request('/v1/presence', { heartbeats: [{ type: 'session-alive', sid, time: Date.now() }] })
}

function use(demo: Demo, sessionId: string): ReturnType<Demo['request']> {
  const event = { externalKey: crypto.randomUUID(), sessionId, tokens: { total: 1 }, cost: { total: 1 } }
  return demo.request('/v2/usage-events', event)
}
