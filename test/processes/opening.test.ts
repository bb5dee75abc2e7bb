/** C1: many processes open one fresh file at once. On Node only: the runtimes of the processes vary anyway. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ConnectorName, type RuntimeName, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { startProgram } from './program.ts'

type Opener = readonly [runtime: RuntimeName, connector: ConnectorName]

const mixed: readonly Opener[] = [
  ['node', 'better-sqlite3'],
  ['bun', 'bun-sqlite'],
  ['deno', 'node-sqlite'],
  ['node', 'node-sqlite'],
]

async function openAtOnce(openers: readonly Opener[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-opening-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'fresh.db')
  const programs = openers.map(([runtime, connector]) =>
    startProgram('worker-open', { runtime, connector, path }),
  )
  onTestFinished(async () => {
    for (const program of programs) await program[Symbol.asyncDispose]()
  })
  for (const program of programs) expect(await program.next()).toBe('ready')
  for (const program of programs) program.tell('go')
  for (const program of programs) expect(await program.next()).toEqual([{ journal_mode: 'wal' }])
  for (const program of programs) expect(await program.ended).toBe(0)
  const rows = await peerQuery(path, ['select count(distinct by_process) as n from opened'])
  expect(rows).toEqual([{ n: openers.length }])
  expect(await peerQuery(path, ['pragma integrity_check'])).toEqual([{ integrity_check: 'ok' }])
}

describe.runIf(runtime === 'node')('16 processes open a fresh file at once (on Node only)', () => {
  it('C1 all succeed and the file is in WAL mode, with every connector but libsql', { timeout: 60_000 }, () =>
    openAtOnce([...mixed, ...mixed, ...mixed, ...mixed]),
  )

  it('C1 all succeed with libsql, 4 processes', { timeout: 60_000 }, () =>
    openAtOnce([
      ['node', 'libsql'],
      ['bun', 'libsql'],
      ['deno', 'libsql'],
      ['node', 'libsql'],
    ]),
  )
})
