/**
 * No room: a limit on the pages of a database, on the size of files, a full disk. Every write and flush meets a typed
 * error, nothing is half written, and with room again work goes on without opening anything anew.
 *
 * @module
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from '../contract/case.ts'
import { connectorNames, connectorTo, runtime } from '../contract/matrix.ts'
import { startProgram } from '../processes/program.ts'
import { createBigNotes, type FullDiskReport, fillAndGoOn } from './full-disk.ts'
import { storedNotes } from './stranger.ts'

const run = promisify(execFile)

function expectReport(report: FullDiskReport, error: RegExp): void {
  expect(report.errors.join()).toMatch(error)
  expect(report).toMatchObject({
    attemptedFull: 11,
    acknowledgedFull: 0,
    storedFull: report.expectedFull,
    bufferedFull: 40,
    bufferedAfter: 0,
    stored: report.expected,
    distinct: report.expected,
  })
}

const full = /^DatabaseFullError SQLITE_FULL$/

function isThere(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0
}

function nowhere(reason: string | undefined): NonNullable<ContractCase['not']> {
  return reason === undefined ? {} : Object.fromEntries(connectorNames.map((name) => [name, reason]))
}

const noLimits = isThere('prlimit', '--version') ? undefined : 'prlimit(1), which lifts the limit, is missing'

/** Mounts a tmpfs where that is allowed. @returns What is in the way, or nothing. */
function mountProblem(): string | undefined {
  const folder = `/tmp/unbusy-mount-${process.pid}`
  mkdirSync(folder, { recursive: true })
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (status === 0) execFileSync('umount', [folder])
  rmSync(folder, { recursive: true })
  return status === 0 ? undefined : 'mounting a tmpfs is not allowed to this user'
}

describeContract('no room', [
  {
    name: 'max_page_count: DatabaseFullError, nothing half written, buffers keep theirs, and work goes on',
    async run({ open, path }) {
      const storage = await open()
      await createBigNotes(storage)
      await sql`pragma max_page_count = 200`.execute(storage.db)

      const report = await fillAndGoOn(storage, () => sql`pragma max_page_count = 100000`.execute(storage.db))

      expectReport(report, full)
      await storage.close()
      expect(await storedNotes(path)).toBe(report.expected)
    },
  },
  {
    name: 'ulimit -f: DatabaseIoError, nothing half written, buffers keep theirs, and work goes on',
    not: nowhere(noLimits),
    async run({ connector, path }) {
      await using program = startProgram('worker-full-disk', { runtime, connector, path, fileBlocks: 2_048 })
      expect(await program.next()).toBe('full')
      await run('prlimit', ['--pid', String(program.pid), '--fsize=unlimited'])
      program.tell('there is room')

      const report = await program.next<FullDiskReport>()
      expectReport(report, /^DatabaseIoError SQLITE_IOERR_WRITE$/)
      expect(await program.ended).toBe(0)
      expect(await storedNotes(path)).toBe(report.expected)
    },
  },
  {
    name: 'a full tmpfs: DatabaseFullError, nothing half written, buffers keep theirs, and work goes on',
    not: nowhere(mountProblem()),
    async run({ connector, path }) {
      const folder = join(dirname(path), 'small')
      mkdirSync(folder)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder])
      try {
        const filler = join(folder, 'filler')
        const { bavail, bsize } = statfsSync(folder)
        writeFileSync(filler, new Uint8Array(bavail * bsize - 1_500_000))
        const { openStorage } = await import('unbusy')
        const storage = await openStorage({
          connector: await connectorTo(connector, join(folder, 'case.db')),
          onWarning: () => {},
        })
        await createBigNotes(storage)
        const report = await fillAndGoOn(storage, async () => rmSync(filler))
        await storage.close()
        expectReport(report, full)
        expect(await storedNotes(join(folder, 'case.db'))).toBe(report.expected)
      } finally {
        execFileSync('umount', ['-l', folder])
      }
    },
  },
])
