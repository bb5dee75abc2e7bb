/**
 * Four writers, each a process or thread of its own, add up on one file: nothing is lost, and nothing is ever busy.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connectorNames, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { type Program, type ProgramTarget, startProgram, startThread } from './program.ts'

const times = 1_000

interface Outcome {
  readonly errors: readonly string[]
  readonly report: { readonly rejectedWrites: number; readonly revokedTransactions: number }
}

/** Lets four of them go at once and expects the sum. */
async function expectExactSum(start: (path: string) => readonly Program[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'unbusy-'))
  const path = join(folder, 'counter.db')
  await using programs = new AsyncDisposableStack()
  programs.defer(() => rm(folder, { recursive: true, force: true }))
  await peerQuery(path, ['create table counter (n integer not null)', 'insert into counter values (0)'])
  const started = start(path).map((program) => programs.use(program))
  expect(await Promise.all(started.map((program) => program.next()))).toEqual(started.map(() => 'ready'))

  for (const program of started) program.tell('go')
  const outcomes = await Promise.all(started.map((program) => program.next<Outcome>()))
  await Promise.all(started.map((program) => program.ended))

  for (const { errors, report } of outcomes) {
    expect(errors).toEqual([])
    expect(report).toMatchObject({ rejectedWrites: 0, revokedTransactions: 0 })
  }
  expect(await peerQuery(path, ['select n from counter'])).toEqual([{ n: started.length * times }])
}

function counter(where: Omit<ProgramTarget, 'path'>): (path: string) => Program {
  return (path) => startProgram('worker-counter', { ...where, path }, String(times))
}

describe(`processes on ${runtime}`, () => {
  for (const connector of connectorNames) {
    it(`C3 C4 four processes x 1,000 read-modify-write transactions add up with ${connector}`, async () => {
      const start = counter({ runtime, connector })

      await expectExactSum((path) => [start(path), start(path), start(path), start(path)])
    }, 60_000)
  }

  it.runIf(runtime === 'node')(
    'C3 C4 and with other connectors in other processes: better-sqlite3 and libsql on Node, bun-sqlite on Bun, node-sqlite on Deno (started from Node only)',
    async () => {
      const starts = [
        counter({ runtime: 'node', connector: 'better-sqlite3' }),
        counter({ runtime: 'bun', connector: 'bun-sqlite' }),
        counter({ runtime: 'deno', connector: 'node-sqlite' }),
        counter({ runtime: 'node', connector: 'libsql' }),
      ]

      await expectExactSum((path) => starts.map((start) => start(path)))
    },
    60_000,
  )

  it.runIf(runtime === 'node')(
    'C3 C4 and in four worker threads of one process with better-sqlite3 (Node only)',
    async () => {
      const start = (path: string): Program =>
        startThread('worker-counter', { connector: 'better-sqlite3', path }, String(times))

      await expectExactSum((path) => [start(path), start(path), start(path), start(path)])
    },
    60_000,
  )
})
