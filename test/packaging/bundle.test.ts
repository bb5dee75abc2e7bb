/**
 * A bundled program has no file for a worker: the checkpoint worker must be found nevertheless, with the driver that the
 * program itself uses. On Node alone, as it starts the other runtimes itself.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { binary } from '../processes/peer.ts'

const run = promisify(execFile)
const onNode = !('Bun' in globalThis) && !('Deno' in globalThis)
const program = resolve(import.meta.dirname, 'bundled/program.ts')

describe.skipIf(!onNode)('bundled program', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unbusy-bundle-'))
    // For what stays outside of the bundle.
    await symlink(resolve('node_modules'), join(folder, 'node_modules'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function bundle(name: string, ...options: string[]): Promise<string> {
    const file = join(folder, name)
    await run(binary('bun'), [
      'build',
      program,
      '--conditions=unbusy-source',
      `--outfile=${file}`,
      ...options,
    ])
    return file
  }

  async function runBundle(command: string, args: string[], dialect: string): Promise<unknown> {
    const database = join(folder, `${dialect}-${args.length}.db`)
    const { stdout } = await run(command, [...args, dialect, database], { timeout: 30_000 })
    await rm(database)
    expect((await readdir(folder)).filter((name) => name.includes('.db'))).toEqual([])
    return JSON.parse(stdout)
  }

  const byWorker = { by: 'worker', kinds: [] }

  it('bun build for Node checkpoints in a worker, with the packages outside', async () => {
    const file = await bundle('node.mjs', '--target=node', '--packages=external')
    expect(await runBundle(binary('node'), [file], 'better-sqlite3')).toEqual(byWorker)
    expect(await runBundle(binary('node'), [file], 'node-sqlite')).toEqual(byWorker)
  })

  it('bun build for Node checkpoints on the writer where better-sqlite3 is in the bundle, as a second copy', async () => {
    const file = await bundle('inlined.mjs', '--target=node', '--external=bun:sqlite')
    expect(await runBundle(binary('node'), [file], 'better-sqlite3')).toEqual({
      by: 'writer',
      kinds: ['checkpoint-worker-failed'],
    })
    expect(await runBundle(binary('node'), [file], 'node-sqlite')).toEqual(byWorker)
    expect(await runBundle(binary('deno'), ['run', '-A', file], 'node-sqlite')).toEqual(byWorker)
  })

  it('bun build for CommonJS runs on Node, and checkpoints in a worker', async () => {
    const file = await bundle('node.cjs', '--target=node', '--format=cjs', '--packages=external')
    expect(await runBundle(binary('node'), [file], 'better-sqlite3')).toEqual(byWorker)
    expect(await runBundle(binary('node'), [file], 'node-sqlite')).toEqual(byWorker)
  })

  it('bun build for Bun checkpoints in a worker', async () => {
    const file = await bundle('bun.mjs', '--target=bun', '--external=better-sqlite3')
    expect(await runBundle(binary('bun'), [file], 'bun-sqlite')).toEqual(byWorker)
  })
})
