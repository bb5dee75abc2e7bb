/**
 * The sweep by itself, with a clock of its own: who is marked, and who is not because something happened meanwhile.
 *
 * @module
 */
import { join } from 'node:path'
import { openStorage } from 'unbusy/auto'
import { testClock } from 'unbusy/testing'
import { expect, it } from 'vitest'
import { EventHub } from '../../examples/hono-server/event-hub.ts'
import { LostFiles } from '../../examples/hono-server/lost-files.ts'
import { migrate } from '../../examples/hono-server/migrations.ts'
import { Presence } from '../../examples/hono-server/presence.ts'
import { SessionRepository } from '../../examples/hono-server/repositories/sessions.ts'
import type { Database } from '../../examples/hono-server/schema.ts'
import { Sweeper } from '../../examples/hono-server/sweeper.ts'
import { temporaryFolder } from './demo-server.ts'

const startMs = 1_700_000_000_000
const minute = 60_000

async function openDemoParts() {
  const folder = await temporaryFolder()
  const storage = await openStorage<Database>({ url: join(folder.path, 'demo.db') })
  await migrate(storage.db)
  const sessions = new SessionRepository(storage)
  const hub = new EventHub()
  // So long that nothing is flushed unless the test says so.
  const presence = new Presence({
    storage,
    sessions,
    hub,
    lostFiles: new LostFiles(),
    flushIntervalMs: 600_000,
  })
  const clock = testClock()
  const sweeper = new Sweeper({
    trackers: [presence.sessions, presence.machines],
    clock,
    now: () => startMs + clock.now(),
  })
  return {
    storage,
    sessions,
    presence,
    hub,
    clock,
    sweeper,
    open: async (tag: string) => (await sessions.open({ tag, metadata: '' }, startMs)).row,
    activeOf: async (id: string) => (await sessions.find(id))?.active,
    async [Symbol.asyncDispose]() {
      sweeper.stop()
      await storage.close()
      await folder[Symbol.asyncDispose]()
    },
  }
}

it('Sweeper marks a session after 10 minutes of silence, not before, and leaves no timer when it is stopped', async () => {
  await using parts = await openDemoParts()
  const { id } = await parts.open('a')
  parts.sweeper.start()

  await parts.clock.advance(10 * minute)
  expect([await parts.activeOf(id), parts.sweeper.swept]).toEqual([1, 0])
  await parts.clock.advance(minute)
  await expect.poll(() => parts.activeOf(id)).toBe(0)
  await expect.poll(() => parts.clock.pending).toBe(1)
  parts.sweeper.stop()
  expect(parts.clock.pending).toBe(0)
})

it('Sweeper leaves alone whose sign of life was acknowledged, stored or not', async () => {
  await using parts = await openDemoParts()
  const [seen, silent] = [await parts.open('a'), await parts.open('b')]
  await parts.clock.advance(11 * minute)
  const nowMs = startMs + 11 * minute
  const report = await parts.presence.record([{ type: 'session-alive', sid: seen.id, time: nowMs }], nowMs)
  expect(report).toEqual({ accepted: 1, dropped: [] })

  expect(await parts.sweeper.sweep()).toBe(1)
  expect([await parts.activeOf(seen.id), await parts.activeOf(silent.id)]).toEqual([1, 0])
  await parts.storage.flush()
  expect((await parts.sessions.find(seen.id))?.last_active_at).toBe(nowMs)
})

it('Sweeper does not take for silent who came back while it waited for the lock', async () => {
  await using parts = await openDemoParts()
  const { id } = await parts.open('a')
  await parts.clock.advance(11 * minute)
  const nowMs = startMs + 11 * minute
  const free = Promise.withResolvers<void>()
  const writing = parts.storage.write(() => free.promise)
  const sweeping = parts.sweeper.sweep()
  await expect.poll(() => parts.storage.stats().queuedWrites).toBe(1)

  const report = await parts.presence.record([{ type: 'session-alive', sid: id, time: nowMs }], nowMs)
  free.resolve()
  await Promise.all([writing, sweeping])

  expect(report).toEqual({ accepted: 1, dropped: [] })
  const row = await parts.sessions.find(id)
  expect(row && parts.presence.session(row)).toMatchObject({ active: 1, last_active_at: nowMs })
  await parts.storage.flush()
  expect(await parts.activeOf(id)).toBe(1)
})

it('PresenceRepository.deactivateMany() compares and sets: who came back after the look is not marked', async () => {
  await using parts = await openDemoParts()
  const rows = [await parts.open('a'), await parts.open('b'), await parts.open('c')]
  const [back, silent, ended] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0]]
  const { rows: presence } = parts.presence.sessions
  const asRead = await presence.listSilent(startMs + 1, 10)
  expect(asRead).toHaveLength(3)
  await presence.touchMany([{ id: back.id, active: 1, last_active_at: startMs + 1 }], {})
  await parts.sessions.end(ended.id, { endedAtMs: startMs, lastActiveAtMs: startMs, nowMs: startMs })

  const marked = await presence.deactivateMany(asRead, {})
  expect(marked).toEqual([{ id: silent.id, last_active_at: startMs }])
  expect(await parts.activeOf(back.id)).toBe(1)
})

it('Sweeper brings back what was seen in the future when the clock goes back, and the next heartbeat counts', async () => {
  await using parts = await openDemoParts()
  const { id } = await parts.open('a')
  const heartbeat = (nowMs: number) =>
    parts.presence.record([{ type: 'session-alive', sid: id, time: nowMs }], nowMs)
  const futureMs = startMs + 180 * minute
  await heartbeat(futureMs)
  await heartbeat(startMs + 1)
  await parts.storage.flush()
  expect((await parts.sessions.find(id))?.last_active_at).toBe(futureMs)

  await parts.sweeper.sweep()
  expect((await parts.sessions.find(id))?.last_active_at).toBe(startMs)
  await heartbeat(startMs + 1)
  await parts.storage.flush()
  expect((await parts.sessions.find(id))?.last_active_at).toBe(startMs + 1)
  await parts.clock.advance(11 * minute)
  expect(await parts.sweeper.sweep()).toBe(1)
})

it('Presence looks an unknown session up again after a second, also when the clock went back', async () => {
  await using parts = await openDemoParts()
  const later = startMs + 180 * minute
  const unknown = { accepted: 0, dropped: [{ index: 0, reason: 'unknown' }] }
  const heartbeat = (sid: string, nowMs: number) =>
    parts.presence.record([{ type: 'session-alive', sid, time: nowMs }], nowMs)
  const id = 'not yet'
  expect(await heartbeat(id, later)).toEqual(unknown)
  const { id: opened } = await parts.open('a')
  await parts.storage.db.updateTable('session').set({ id }).where('id', '=', opened).execute()
  expect(await heartbeat(id, later + 500)).toEqual(unknown)

  expect(await heartbeat(id, startMs + 1)).toEqual({ accepted: 1, dropped: [] })
})
