/**
 * What the routes of machines answer, a locked database included.
 *
 * @module
 */
import { holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerQuery } from '../processes/peer.ts'
import {
  afterThisMillisecond,
  brief,
  lockTimeoutMs,
  newId,
  type RouteCase,
  untilWaiting,
} from './route-case.ts'

export const machineCases: readonly RouteCase[] = [
  {
    name: 'POST /v1/machines creates',
    async run(demo) {
      const id = newId()
      const startMs = Date.now()
      const { status, body } = await demo.request('/v1/machines', { id, metadata: 'ümlaut 🦉' })

      expect(status).toBe(200)
      const { createdAt } = body.machine
      expect(createdAt).toBeGreaterThanOrEqual(startMs)
      expect(body).toEqual({
        machine: {
          id,
          metadata: 'ümlaut 🦉',
          metadataVersion: 1,
          daemonState: null,
          daemonStateVersion: 0,
          dataEncryptionKey: null,
          seq: 0,
          active: false,
          activeAt: createdAt,
          revokedAt: null,
          createdAt,
          updatedAt: createdAt,
        },
      })
      expect((await demo.request(`/v1/machines/${id}`)).body).toEqual(body)
    },
  },
  {
    name: 'POST /v1/machines updates, and bumps only the version of what changed',
    async run(demo) {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: 'a', daemonState: 's', dataEncryptionKey: 'a2V5' })
      const changed = await demo.request('/v1/machines', { id, metadata: 'b' })

      expect(changed.status).toBe(200)
      expect(changed.body.machine).toMatchObject({ metadata: 'b', metadataVersion: 2, seq: 1 })
      expect(changed.body.machine).toMatchObject({ daemonState: 's', daemonStateVersion: 1 })
      expect(changed.body.machine).toMatchObject({ dataEncryptionKey: 'a2V5' })
    },
  },
  {
    name: 'POST /v1/machines from many callers who all find nothing creates once, and all get 200',
    needsFile: true,
    async run(demo) {
      const id = newId()
      const lock = await holdLock(demo.path, 20_000)
      const racing = Promise.all(
        Array.from({ length: 10 }, () => demo.request('/v1/machines', { id, metadata: 'same' })),
      )
      await untilWaiting(demo, 10)
      await lock.release()
      const answers = await racing

      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
      expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
      expect(answers[0]?.body.machine).toMatchObject({ metadataVersion: 1, seq: 0 })
    },
  },
  {
    name: 'a locked database: what is unchanged needs no lock, what is new gets 503 with Retry-After and is never stored',
    needsFile: true,
    async run(demo) {
      const [known, unknown] = [newId(), newId()]
      await demo.request('/v1/machines', { id: known, metadata: 'same' })
      {
        await using _lock = await holdLock(demo.path, 20_000)
        const unchanged = await demo.request('/v1/machines', { id: known, metadata: 'same' })
        expect(unchanged.status).toBe(200)

        const startMs = performance.now()
        const refused = await Promise.all([
          demo.request('/v1/machines', { id: unknown, metadata: 'new' }),
          demo.request('/v1/machines', { id: known, metadata: 'changed' }),
          demo.request('/v1/sessions', { tag: unknown, metadata: '' }),
        ])
        expect(performance.now() - startMs).toBeGreaterThanOrEqual(lockTimeoutMs - 5)
        for (const { status, headers, body } of refused) {
          expect([status, body.error, headers.get('retry-after')]).toEqual([503, 'busy', '1'])
        }
        expect((await fetch(`${demo.url}/readyz`)).status).toBe(200)
      }

      expect((await demo.request(`/v1/machines/${unknown}`)).status).toBe(404)
      expect((await demo.request(`/v1/machines/${known}`)).body.machine).toMatchObject({ metadata: 'same' })
      expect((await demo.request('/v1/machines', { id: unknown, metadata: 'new' })).status).toBe(200)
    },
  },
  {
    name: 'GET /v1/machines lists, the last active one first',
    async run(demo) {
      const ids = [newId(), newId(), newId()]
      for (const id of ids) await demo.request('/v1/machines', { id, metadata: '' })
      await afterThisMillisecond()
      await demo.request('/v1/presence', {
        heartbeats: [{ type: 'machine-alive', machineId: ids[1], time: Date.now() }],
      })
      const { body } = await demo.request('/v1/machines')

      const activeAts = body.map(({ activeAt }: { activeAt: number }) => activeAt)
      expect(activeAts).toEqual(activeAts.toSorted((a: number, b: number) => b - a))
      expect(body[0]).toMatchObject({ id: ids[1], active: true })
      expect(body.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(ids))
    },
  },
  {
    name: 'a revoked machine gets 410, and stays revoked since the first time',
    async run(demo) {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: '' })
      const revoked = await demo.request(`/v1/machines/${id}/revoke`, undefined, 'POST')
      const again = await demo.request(`/v1/machines/${id}/revoke`, undefined, 'POST')

      expect(revoked.body.machine).toMatchObject({ id, active: false, revokedAt: expect.any(Number), seq: 1 })
      expect(again.body).toEqual(revoked.body)
      expect(await brief(demo.request('/v1/machines', { id, metadata: 'new' }))).toEqual([
        410,
        'machine_revoked',
      ])
    },
  },
  {
    name: 'what was answered is what another process reads',
    needsFile: true,
    async run(demo) {
      const id = newId()
      await demo.request('/v1/machines', { id, metadata: 'm' })

      const rows = await peerQuery(demo.path, [`select metadata, active from machine where id = '${id}'`])
      expect(rows).toEqual([{ metadata: 'm', active: 0 }])
    },
  },
]
