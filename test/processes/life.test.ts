/**
 * What a storage does to the process that it lives in: a pending write keeps it alive, nothing else does.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { holdLock } from 'unbusy/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ConnectorName, connectorNames, runtime } from '../contract/matrix.ts'
import { binary, peerCommand, peerQuery } from './peer.ts'
import { leadingArguments, type Program, startProgram } from './program.ts'

async function start(connector: ConnectorName, deed: string): Promise<{ path: string; run(): Program }> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'life.db')
  await peerQuery(path, ['pragma journal_mode = wal', 'create table note (text text)'])
  const run = (): Program => {
    const program = startProgram('worker-life', { runtime, connector, path }, deed)
    onTestFinished(() => program[Symbol.asyncDispose]())
    return program
  }
  return { path, run }
}

describe.each(connectorNames)(`a process on ${runtime} with %s`, (connector) => {
  it('C15 ends by itself with an idle storage open, and loses nothing', async () => {
    const { path, run } = await start(connector, 'idle')

    const program = run()

    expect(await program.next()).toBe('idle')
    expect(await program.ended).toBe(0)
    expect(await peerQuery(path, ['select count(*) as n from note'])).toEqual([{ n: 12 }])
  })

  it('C15 stays alive until a pending write is written', async () => {
    const { path, run } = await start(connector, 'pending')
    await using lock = await holdLock(path, 20_000, { command: peerCommand() })

    const program = run()
    expect(await program.next()).toBe('pending')
    const first = await Promise.race([
      program.ended,
      new Promise((resolve) => setTimeout(resolve, 300, 'alive')),
    ])
    await lock.release()

    expect(first).toBe('alive')
    expect(await program.ended).toBe(0)
    expect(await peerQuery(path, ['select text from note'])).toEqual([{ text: 'pending' }])
  })

  // The timer is the core's, so one connector shows it.
  it.runIf(connector === connectorNames[0])(
    'C15 ends by itself with a transaction open that is watched',
    async () => {
      const { path, run } = await start(connector, 'begun')

      const program = run()
      expect(await program.next()).toBe('begun')
      const saidAt = performance.now()

      expect(await program.ended).toBe(0)
      expect(performance.now() - saidAt).toBeLessThan(4_000)
      expect(await peerQuery(path, ['select count(*) as n from note'])).toEqual([{ n: 0 }])
    },
  )

  it('C15 is ended by SIGTERM as if there were no storage: nobody listens for it', async () => {
    const { run } = await start(connector, 'signal')

    const program = run()
    expect(await program.next()).toEqual({ listeners: 0 })
    program.kill('SIGTERM')

    expect(await program.ended).toBe('SIGTERM')
  })

  it.runIf(runtime === 'node')('C15 has no timer or handle left after close() (Node tells)', async () => {
    const { run } = await start(connector, 'closed')

    const program = run()
    expect(await program.next()).toBe('start')
    const { before, after } = await program.next<{ before: string[]; after: string[] }>()

    expect(after).toEqual(before)
    expect(await program.ended).toBe(0)
  })

  it.runIf(runtime === 'node')(
    'works where nobody may change what JavaScript brings (Node alone can)',
    async () => {
      const { path } = await start(connector, 'idle')
      const program = join(import.meta.dirname, 'worker-life.ts')
      const flags = ['--frozen-intrinsics', ...leadingArguments.node]

      const { stdout } = await promisify(execFile)(binary('node'), [
        ...flags,
        program,
        connector,
        path,
        'idle',
      ])

      expect(stdout).toBe('"idle"\n')
      expect(await peerQuery(path, ['select count(*) as n from note'])).toEqual([{ n: 12 }])
    },
  )
})
