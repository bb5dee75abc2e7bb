/**
 * A development server that is loaded again and again by `bun --hot`, the packages included.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { runtime } from '../contract/matrix.ts'
import { binary } from './peer.ts'

it.runIf(runtime === 'bun')(
  'C9 instanceof knows the errors of a storage that was shared before a reload (Bun only)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const entry = join(folder, 'entry.ts')
    const load = (time: string): Promise<void> =>
      writeFile(
        entry,
        `import ${JSON.stringify(new URL('./worker-hot-reload.ts', import.meta.url).href)} // ${time}`,
      )
    await load('first')

    const server = spawn(binary('bun'), ['--hot', entry], {
      env: { ...process.env, HOT_DATABASE: join(folder, 'hot.db') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(async () => {
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    })
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
    const told = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null')

    const knows = [true, true, true, false]
    expect(await told()).toEqual({ isLoadedAnew: false, knows })
    await load('second')
    expect(await told()).toEqual({ isLoadedAnew: true, knows })
  },
)
