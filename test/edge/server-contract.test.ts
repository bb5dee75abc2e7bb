/**
 * The contract inside workerd on a libSQL server, by `unbusy/libsql-web`: the in-repo one, in a process of its own, over
 * HTTP. Run by Node alone, as `contract.test.ts`.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runtime } from '../contract/matrix.ts'
import { startHranaServer } from '../hrana/start.ts'
import { notOnEdgeServer, unusedReasons } from './not-on-edge-server.ts'

if (runtime === 'node') {
  describe('on workerd with libsql-web', async () => {
    const { runCases } = await import('./run-cases.ts')
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-edge-'))
    const server = await startHranaServer({ path: join(folder, 'server.db') })
    afterAll(async () => {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    })
    const options = { variables: { SERVER_URL: server.url } }
    const titles = await runCases('server-worker.ts', options, notOnEdgeServer)

    it('the cases went to the server', async () => {
      const { commits } = await server.counts()
      expect(commits).toBeGreaterThan(0)
    })

    it('every line of the table of what an isolate cannot do is about a case', () => {
      expect(unusedReasons(titles)).toEqual([])
    })
  })
} else it.skip('the contract inside workerd on a server (Node starts it)', () => {})
