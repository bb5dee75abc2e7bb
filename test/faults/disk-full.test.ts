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
import { openStorage } from 'unbusy'
import { describe, expect } from 'vitest'
import { type ContractCase, describeContract } from '../contract/case.ts'
import { connectorNames, connectorTo, runtime } from '../contract/matrix.ts'
import { startProgram } from '../processes/program.ts'
import { type FullCheckpointReport, fillWhileCheckpointing } from './full-checkpoint.ts'
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

/** Told once, with the class that writes meet too; what was acknowledged is there, and the WAL gets into the file later. */
function expectCheckpointReport(report: FullCheckpointReport, error: string, isTold = true): void {
  expect(report).toMatchObject({
    told: isTold ? [`checkpoint-failed ${error}`] : [],
    refused: [error],
    keptLastCheckpoint: true,
    toldLater: [],
    leftFrames: 0,
    integrity: 'ok',
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

/** Leaves so many bytes; answers what gives the others back. */
type Fill = (freeBytes: number) => { readonly makeRoom: () => Promise<void> }

/** Mounts 16 MB beside the database of a case, for another one. */
async function withSmallDisk(
  path: string,
  work: (small: string, fill: Fill) => Promise<void>,
): Promise<void> {
  const folder = join(dirname(path), 'small')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder])
  try {
    const filler = join(folder, 'filler')
    await work(join(folder, 'case.db'), (freeBytes) => {
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(filler, new Uint8Array(bavail * bsize - freeBytes))
      return { makeRoom: async () => rmSync(filler) }
    })
  } finally {
    execFileSync('umount', ['-l', folder])
  }
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
      await withSmallDisk(path, async (small, fill) => {
        const { makeRoom } = fill(1_500_000)
        const storage = await openStorage({
          connector: await connectorTo(connector, small),
          onWarning: () => {},
        })
        await createBigNotes(storage)
        const report = await fillAndGoOn(storage, makeRoom)
        await storage.close()
        expectReport(report, full)
        expect(await storedNotes(small)).toBe(report.expected)
      })
    },
  },
])

const checkpoints: ContractCase[] = [
  {
    name: 'ulimit -f while checkpointing: told once, writes go on in the WAL, and with room it gets into the file',
    not: nowhere(noLimits),
    async run({ connector, path }) {
      await using program = startProgram('worker-full-checkpoint', {
        runtime,
        connector,
        path,
        fileBlocks: 2_048,
      })
      expect(await program.next()).toBe('full')
      await run('prlimit', ['--pid', String(program.pid), '--fsize=unlimited'])
      program.tell('there is room')

      const report = await program.next<FullCheckpointReport>()
      expectCheckpointReport(report, 'DatabaseIoError SQLITE_IOERR_WRITE')
      expect(report.acknowledged).toBeGreaterThan(10)
      expect(await program.ended).toBe(0)
      expect(await storedNotes(path)).toBe(report.expected)
    },
  },
  {
    name: 'a full tmpfs while checkpointing: told once, writes fail typed, and with room all gets into the file',
    not: nowhere(mountProblem()),
    async run({ connector, path }) {
      await withSmallDisk(path, async (small, fill) => {
        const { makeRoom } = fill(1_500_000)
        const report = await fillWhileCheckpointing(await connectorTo(connector, small), makeRoom)
        // SQLite says nothing of a checkpoint that fails in a commit. What comes after it shows: here the WAL itself
        // finds no room, before it has grown so much that libsql's writer asks.
        expectCheckpointReport(report, 'DatabaseFullError SQLITE_FULL', connector !== 'libsql')
        expect(await storedNotes(small)).toBe(report.expected)
      })
    },
  },
]

// They mostly wait, so they wait together.
describeContract('no room for a checkpoint', checkpoints, describe.concurrent)
