/**
 * The demo end to end: the entry of this runtime on every dialect that the runtime has, as a child process, over HTTP.
 *
 * @module
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HranaServer, startHranaServer } from '../hrana/start.ts'
import {
  type Answer,
  type Demo,
  runtime,
  startDemo,
  targets,
  temporaryFolder,
  workerdTargets,
} from './demo-server.ts'
import { liveCases } from './live-cases.ts'
import { machineCases } from './machine-cases.ts'
import { pageCases } from './page-cases.ts'
import { type PresenceSubjects, presenceCases } from './presence-cases.ts'
import { requestCases } from './request-cases.ts'
import { afterThisMillisecond, lockTimeoutMs, newId, newSession } from './route-case.ts'
import { sessionCases } from './session-cases.ts'
import { usageCases } from './usage-cases.ts'
import { usageCapacity, usageEventCases } from './usage-event-cases.ts'

const routeCases = [
  ...requestCases,
  ...machineCases,
  ...sessionCases,
  ...usageCases,
  ...usageEventCases,
  ...liveCases,
  ...pageCases,
]

// Who starts workerd makes no difference to what runs inside, so Node does it for all.
const allTargets = runtime === 'node' ? [...targets, ...workerdTargets] : targets

describe.each(allTargets)(`demo on $runtime with $dialect`, (target) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let demo: Demo
  let server: HranaServer | undefined

  beforeAll(async () => {
    folder = await temporaryFolder()
    if (target.dialect === 'libsql-web')
      server = await startHranaServer({ path: join(folder.path, 'server.db') })
    demo = await startDemo(target, join(folder.path, 'missing', 'folder', 'demo.db'), {
      SQLITE_LOCK_TIMEOUT_MS: `${lockTimeoutMs}`,
      PRESENCE_FLUSH_MS: '50',
      SWEEP_INTERVAL_MS: '50',
      USAGE_QUEUE_CAPACITY: `${usageCapacity}`,
      ...(server !== undefined && { DATABASE_URL: server.url }),
    })
  })

  afterAll(async () => {
    await demo?.stop()
    await server?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  for (const { name, needsFile, keepsConnection, namesNoHost, run } of routeCases) {
    const reason =
      (needsFile && 'there is no file') ||
      (keepsConnection && 'it cuts the connection') ||
      (namesNoHost && 'it refuses the request')
    if (reason && target.runtime === 'workerd') it.skip(`${name} (not here: ${reason})`, () => {})
    else it(name, () => run(demo))
  }

  for (const { name, heartbeats, accepted, dropped = [], session, machine } of presenceCases) {
    it(`POST /v1/presence: ${name}`, async () => {
      const subjects = await presenceSubjects(demo)
      await afterThisMillisecond()
      const nowMs = Date.now()
      const { status, body } = await demo.request('/v1/presence', { heartbeats: heartbeats(subjects, nowMs) })

      expect([status, body]).toEqual([200, { accepted, dropped }])
      const stored = await storedSubjects(demo, subjects)
      for (const [expected, actual] of [
        [session, stored.session],
        [machine, stored.machine],
      ] as const) {
        if (expected === undefined) continue
        expect(actual.active).toBe(expected.active)
        expect(actual.activeAt >= nowMs).toBe(expected.moved)
        expect(actual.activeAt).toBeLessThanOrEqual(Date.now())
      }
      if (session !== undefined) expect(stored.session.endedAt !== null).toBe(session.ended ?? false)
      // Presence owns two columns; the rest is as it was, unless the session ended.
      if (session?.ended !== true) expect(stored.session).toMatchObject({ seq: 0, metadata: '' })
      expect(stored.machine).toMatchObject({ seq: 0, updatedAt: stored.machine.createdAt })
      expect(stored.endedSession.active).toBe(false)
      expect(stored.revokedMachine.active).toBe(false)
    })
  }
})

async function presenceSubjects(demo: Demo): Promise<PresenceSubjects> {
  const [machine, revokedMachine] = [newId(), newId()]
  for (const id of [machine, revokedMachine]) await demo.request('/v1/machines', { id, metadata: '' })
  await demo.request(`/v1/machines/${revokedMachine}/revoke`, {})
  const [session, endedSession] = [await newSession(demo), await newSession(demo)]
  await demo.request(`/v1/sessions/${endedSession}/end`, { time: Date.now() })
  return { machine, revokedMachine, session, endedSession }
}

async function storedSubjects(
  demo: Demo,
  subjects: PresenceSubjects,
): Promise<Record<keyof PresenceSubjects, Answer['body']>> {
  const machineOf = async (id: string) => (await demo.request(`/v1/machines/${id}`)).body.machine
  const sessionOf = async (id: string) => (await demo.request(`/v2/sessions/${id}`)).body.session
  return {
    machine: await machineOf(subjects.machine),
    revokedMachine: await machineOf(subjects.revokedMachine),
    session: await sessionOf(subjects.session),
    endedSession: await sessionOf(subjects.endedSession),
  }
}
