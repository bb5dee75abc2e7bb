/**
 * A program that closes its storage on a signal: what was acknowledged, and what its buffers had accepted, is stored.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { connectorNames, runtime } from '../contract/matrix.ts'
import { peerQuery } from './peer.ts'
import { type Program, startProgram } from './program.ts'

type Line =
  | readonly ['done', kind: string, n: number]
  | readonly ['ended', kind: string, error: string]
  | readonly ['closed', report: Readonly<Record<string, number>>]

const kinds = ['write', 'batch', 'transaction', 'append', 'coalesce']

describe.concurrent.each(connectorNames)(`a program on ${runtime} with %s`, (connector) => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'C15 drains on %s under load, also if it comes twice',
    { timeout: 60_000 },
    async (signal) => {
      const folder = await mkdtemp(join(tmpdir(), 'unbusy-signals-'))
      await using resources = new AsyncDisposableStack()
      resources.defer(() => rm(folder, { recursive: true, force: true }))
      const path = join(folder, 'app.db')
      await peerQuery(path, ['pragma journal_mode = wal', 'create table log (kind text, n integer)'])
      const program = resources.use(startProgram('worker-signals', { runtime, connector, path }))
      const lines: Line[] = []
      await readUntil(program, lines, () => kinds.every((kind) => countOf(lines, kind) >= 20))

      program.kill(signal)
      program.kill(signal)
      await readUntil(program, lines, () => lines.filter(([what]) => what === 'closed').length > 0)

      expect(await program.ended).toBe(0)
      for (const [, report] of lines.filter((line) => line[0] === 'closed'))
        expect(Object.values(report as object).every((lost) => lost === 0)).toBe(true)
      const errors = lines.flatMap((line) => (line[0] === 'ended' ? [line[2]] : []))
      expect(errors.filter((name) => name !== 'StorageClosedError')).toEqual([])
      if (connector !== 'libsql') expect(existsSync(`${path}-wal`)).toBe(false)
      const rows = await peerQuery(path, ['select kind, n, count(*) as times from log group by kind, n'])
      const stored = new Set(rows.map(({ kind, n }) => `${kind} ${n}`))
      const lost = lines.filter(([what, kind, n]) => what === 'done' && !stored.has(`${kind} ${n}`))
      expect(lost).toEqual([])
      expect(rows.filter(({ times }) => times !== 1)).toEqual([])
    },
  )
})

async function readUntil(program: Program, lines: Line[], condition: () => boolean): Promise<void> {
  while (!condition()) lines.push(await program.next<Line>())
}

function countOf(lines: readonly Line[], kind: string): number {
  return lines.filter((line) => line[0] === 'done' && line[1] === kind).length
}
