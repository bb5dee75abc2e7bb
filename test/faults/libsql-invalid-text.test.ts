/**
 * Upstream bug: libsql ends the whole process when it reads text that is not valid UTF-8, such as another program may have
 * stored. Nothing of ours can catch that. When this fails, upstream has fixed it: take the warning out of the README and
 * of `adapters/libsql.ts`.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { binary } from '../processes/peer.ts'

const program = `
  import { createClient } from '@libsql/client/sqlite3'
  await createClient({ url: ':memory:' }).execute("select cast(x'ff' as text)")
`

describe('libsql (canary, on Node alone)', () => {
  it('C8 text that is not valid UTF-8 ends the process', async () => {
    const folder = new URL('../..', import.meta.url).pathname
    const error = await new Promise<{ signal?: string } | null>((resolve) => {
      execFile(binary('node'), ['--input-type=module', '-e', program], { cwd: folder }, resolve)
    })

    expect(error?.signal).toBe('SIGABRT')
  })
})
