/** C15: a pending write keeps the process alive, an idle buffer does not. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connectorNames, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { startProgram } from './program.ts'

describe('a process whose buffers are not empty at its end', () => {
  for (const connector of connectorNames) {
    it(`C15 ends by itself once they are written, on ${runtime} with ${connector}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'unbusy-write-behind-'))
      onTestFinished(() => rm(folder, { recursive: true, force: true }))
      const path = join(folder, 'app.db')
      await using program = startProgram('worker-write-behind', { runtime, connector, path })
      expect(await program.next()).toBe('filled')
      expect(await program.ended).toBe(0)
      const rows = await peerQuery(path, ['select id from usage order by id'])
      expect(rows).toEqual([{ id: 'early' }, { id: 'row' }, { id: 'value' }])
    })
  }
})
