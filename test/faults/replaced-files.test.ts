/**
 * The database, its `-wal` or its `-shm` is deleted or replaced while it is open: no write is acknowledged that goes to a
 * file which nobody finds any more.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import {
  type CheckpointWorker,
  type Clock,
  FileReplacedError,
  OpenError,
  type Storage,
  systemClock,
} from 'unbusy'
import type { HeldLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { collectGarbage } from '../../adapters/_libsql-garbage.ts'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from '../contract/case.ts'
import { heldCheckpoints, noWorker } from '../contract/held-checkpoints.ts'
import { connectorTo } from '../contract/matrix.ts'
import { notes, rejection } from '../contract/note.ts'
import { until } from '../contract/together.ts'
import { binary } from '../processes/peer.ts'
import { storedNotes, stranger, strangerOfOld } from './stranger.ts'
import { createNotes, writeAll } from './write-kinds.ts'

type Deed = (path: string) => unknown

/** A storage whose files are lost waits for others to be gone before it closes them; here nobody else is there. */
const impatient: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / 20, callback),
}

/** Timers that end when something has happened. */
function scheduleAfter(event: Promise<void>): Clock['schedule'] {
  return (_, callback) => {
    let isCancelled = false
    void event.then(() => {
      if (!isCancelled) callback()
    })
    return () => {
      isCancelled = true
    }
  }
}

/** Opens a storage, stores a note of each kind, and reads once: all three files are there and in use. */
async function openInUse({ open }: CaseContext): Promise<Storage<AnyDatabase>> {
  const storage = await open({ clock: impatient })
  await createNotes(storage)
  const { acknowledged, attempted } = await writeAll(storage)
  expect(acknowledged).toBe(attempted)
  expect(await notes(storage.db)).toHaveLength(acknowledged)
  return storage
}

async function expectRefusal(storage: Storage<AnyDatabase>, file: string, change: string): Promise<void> {
  const { acknowledged, errors } = await writeAll(storage)
  expect(acknowledged).toBe(0)
  for (const error of errors) expect(error).toBeInstanceOf(FileReplacedError)
  for (const error of errors) expect(error).toMatchObject({ file, change })
  expect(await rejection(notes(storage.db))).toBeInstanceOf(FileReplacedError)
  const stream = storage.db.selectFrom('note').selectAll().stream()[Symbol.asyncIterator]()
  expect(await rejection(stream.next())).toBeInstanceOf(FileReplacedError)
}

/** SQLite takes us for gone, as closing the file has dropped our locks, and deletes the WAL. */
async function readByFs(path: string): Promise<void> {
  readFileSync(path)
  await strangerOfOld(path)
}

function replace(file: string): void {
  writeFileSync(`${file}.other`, '')
  renameSync(`${file}.other`, file)
}

const deeds: readonly (readonly [name: string, deed: Deed, suffix: string, change: string])[] = [
  ['this process reads it with fs, and another opens and closes it', readByFs, '-wal', 'deleted'],
  ['the -wal is deleted', (path) => unlinkSync(`${path}-wal`), '-wal', 'deleted'],
  ['the -wal is replaced', (path) => replace(`${path}-wal`), '-wal', 'replaced'],
  ['the -shm is deleted', (path) => unlinkSync(`${path}-shm`), '-shm', 'deleted'],
  ['the database is deleted', (path) => unlinkSync(path), '', 'deleted'],
  ['another file is moved over the database', replace, '', 'replaced'],
]

/**
 * What another process finds. With libSQL on Bun a connection may outlive its close() until it is collected: while it copies
 * its WAL, the file is short for a moment.
 */
async function audit(path: string): Promise<Record<string, unknown> | undefined> {
  const sql = 'select count(*) as n, (select * from pragma_integrity_check) as ok from note'
  let rows: Record<string, unknown>[] = []
  await until(async () => {
    await collectGarbage()
    rows = await stranger(path, sql).catch(() => [])
    return rows.length > 0
  })
  return rows[0]
}

const refusals: readonly ContractCase[] = deeds.map(([name, deed, suffix, change]) => ({
  name: `${name}: writes and reads reject with FileReplacedError, and what was acknowledged before is there`,
  async run(context) {
    const { path } = context
    const storage = await openInUse(context)
    const stored = (await notes(storage.db)).length

    await deed(path)

    await expectRefusal(storage, `${path}${suffix}`, change)
    const report = await storage.close()
    expect(report.rejectedWrites).toBe(0)
    if (suffix === '') return
    // A rejected write may be stored, as after a lost answer; one that was acknowledged must be.
    const row = await audit(path)
    expect(row).toMatchObject({ ok: 'ok' })
    const found = Number(row?.n)
    expect(found).toBeGreaterThanOrEqual(stored)
    const reopened = await context.open()
    expect(await notes(reopened.db)).toHaveLength(found)
    expect((await writeAll(reopened)).errors).toEqual([])
  },
}))

const theirs = `with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
  insert into note (text) select 'theirs' || hex(zeroblob(200)) from n`
const counts = "select count(*) as n, sum(text like 'theirs%') as theirs from note"

/** In another process: in this one it would drop the locks of SQLite. */
function copyOver(from: string, to: string): void {
  const program = 'require("node:fs").copyFileSync(process.argv[1], process.argv[2])'
  execFileSync(binary('node'), ['-e', program, from, to])
}

type Reading = (db: Kysely<AnyDatabase>) => Promise<unknown>

/** What has a reader of its own: it is opened for it. */
const readings: readonly (readonly [name: string, reading: Reading])[] = [
  ['a stream', (db) => db.selectFrom('note').selectAll().stream().next()],
  ['a read-only transaction', (db) => db.transaction().setAccessMode('read only').execute(notes)],
]

const openedLate: readonly ContractCase[] = readings.map(([name, reading]) => ({
  name: `${name} that opens a reader after the database was replaced does not answer from the other one`,
  async run(context) {
    const { db } = await openInUse(context)
    await stranger(`${context.path}.other`, 'create table note (text)', "insert into note values ('theirs')")
    renameSync(`${context.path}.other`, context.path)

    expect(await rejection(reading(db))).toBeInstanceOf(FileReplacedError)
  },
}))

const others: readonly ContractCase[] = [
  {
    name: 'a transaction that was open meanwhile cannot commit, and nothing of it is stored',
    async run(context) {
      const storage = await openInUse(context)
      const before = (await notes(storage.db)).length
      // From here on reads go to the writer.
      await sql`create temp table here (a)`.execute(storage.db)

      const error = await rejection(
        storage.write(async (trx) => {
          await sql`insert into note (text) values ('lost')`.execute(trx)
          await new Promise((resolve) => setTimeout(resolve, 20))
          unlinkSync(`${context.path}-wal`)
        }),
      )

      expect(error).toBeInstanceOf(FileReplacedError)
      expect(await rejection(notes(storage.db))).toBeInstanceOf(FileReplacedError)
      await storage.close()
      expect(await storedNotes(context.path)).toBe(before)
    },
  },
  {
    name: 'buffers keep what they could not write, and close() gives up at once',
    async run(context) {
      const storage = await openInUse(context)
      const errors: unknown[] = []
      const rows = storage.append({ table: 'note', onError: (error: unknown) => errors.push(error) })
      for (let index = 0; index < 30; index++) rows.push({ text: `row ${index}` })
      unlinkSync(`${context.path}-wal`)

      const startedAtMs = performance.now()
      const report = await storage.close()

      expect(errors[0]).toBeInstanceOf(FileReplacedError)
      expect(report.unwrittenRows).toBe(30)
      // Another try would be the same: the default of drainTimeoutMs is a minute.
      expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    },
  },
  {
    name: 'a second storage of the process has to be closed too before the file is opened again',
    async run(context) {
      const first = await openInUse(context)
      const second = await context.open({ clock: impatient })
      expect((await writeAll(second)).errors).toEqual([])
      await readByFs(context.path)
      await expectRefusal(first, `${context.path}-wal`, 'deleted')
      await first.close()

      const error = await rejection(context.open())
      await second.close()

      // It would share the -shm that is lost with the connections of the second.
      expect(error).toBeInstanceOf(OpenError)
      expect(error.message).toMatch(/close every storage on it first, or start the process anew$/)
      const reopened = await context.open()
      expect((await writeAll(reopened)).errors).toEqual([])
    },
  },
  {
    name: 'so has a checkpoint to end that was still running when the storage was closed',
    not: noWorker,
    async run(context) {
      const begun = Promise.withResolvers<void>()
      const end = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<void>()
      const connector = await heldCheckpoints(context, (checkpoint) => {
        begun.resolve()
        return end.promise.then(checkpoint)
      })
      const { openCheckpointWorker: open } = connector
      const storage = await context.open({
        clock: impatient,
        checkpointWalBytes: 65_536,
        connector: {
          ...connector,
          async openCheckpointWorker() {
            const worker = (await open?.()) as CheckpointWorker
            return { ...worker, close: () => Promise.resolve(worker.close()).finally(ended.resolve) }
          },
        },
      })
      await createNotes(storage)
      for (let row = 0; row < 20; row++)
        await sql`insert into note (text) values (hex(zeroblob(5000)))`.execute(storage.db)
      await begun.promise
      unlinkSync(`${context.path}-wal`)
      unlinkSync(`${context.path}-shm`)
      expect((await writeAll(storage)).acknowledged).toBe(0)
      await storage.close()

      const error = await rejection(context.open())
      end.resolve()
      await ended.promise

      // It would share the -shm that is lost with the connection of the checkpoint.
      expect(error).toBeInstanceOf(OpenError)
      expect(error.message).toMatch(/close every storage on it first, or start the process anew$/)
      const reopened = await context.open()
      expect((await writeAll(reopened)).errors).toEqual([])
    },
  },
  {
    name: 'what others write after the files went is not overwritten by what this process still holds',
    async run({ open, path }) {
      // However long the others take to start: the storage closes its handles when they are through.
      const theirEnd = Promise.withResolvers<void>()
      const storage = await open({ clock: { ...systemClock, schedule: scheduleAfter(theirEnd.promise) } })
      await createNotes(storage)
      await sql`pragma wal_checkpoint(truncate)`.execute(storage.db)
      // In the WAL alone.
      expect((await writeAll(storage)).errors).toEqual([])
      unlinkSync(`${path}-wal`)
      unlinkSync(`${path}-shm`)
      expect((await writeAll(storage)).acknowledged).toBe(0)
      await stranger(path, theirs)
      theirEnd.resolve()

      await storage.close()

      expect(await stranger(path, counts)).toEqual([{ n: 300, theirs: 300 }])
      expect(await stranger(path, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
      expect(await rejection(open())).toBeInstanceOf(OpenError)
    },
  },
  {
    name: 'a backup that was copied over the database before this process noticed stays as it is',
    async run({ open, path }) {
      const storage = await open({ clock: impatient })
      await createNotes(storage)
      expect((await writeAll(storage)).errors).toEqual([])
      const backup = `${path}.backup`
      await stranger(backup, 'create table note (id integer primary key, text text)', theirs)

      unlinkSync(`${path}-wal`)
      unlinkSync(`${path}-shm`)
      copyOver(backup, path)
      expect((await writeAll(storage)).acknowledged).toBe(0)
      await storage.close()

      expect(await stranger(path, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
      expect(await stranger(path, counts)).toEqual([{ n: 300, theirs: 300 }])
    },
  },
  {
    name: 'what was acknowledged gets into the database before close(), though a worker has it open too',
    not: { libsql: 'it has no worker, and closes when its statements are garbage' },
    async run({ open, path }) {
      const storage = await open({ clock: impatient, checkpointWalBytes: 65_536 })
      await createNotes(storage)
      await until(async () => {
        await sql`insert into note (text) values (hex(zeroblob(5000)))`.execute(storage.db)
        return storage.stats().wal.lastCheckpoint !== undefined
      })
      // Of both phases: one that still runs when the files go counts as what others wrote.
      await until(() => Date.now() - (storage.stats().wal.lastCheckpoint?.endedAt ?? Date.now()) > 200)
      await sql`insert into note (text) values ('last')`.execute(storage.db)
      const writtenAtMs = statSync(path).mtimeMs
      unlinkSync(`${path}-wal`)
      unlinkSync(`${path}-shm`)
      expect((await writeAll(storage)).acknowledged).toBe(0)
      // Whoever opened it to look would be in the way of the close.
      await until(() => statSync(path).mtimeMs > writtenAtMs)

      const last = "select count(*) as last from note where text = 'last'"
      expect(await stranger(path, last)).toEqual([{ last: 1 }])
    },
  },
  {
    name: 'a link that leads to another database by now: reads, writes and checkpoints stay with the one that was opened',
    async run({ open, connector, path }) {
      const link = `${path}.link`
      const other = `${path}.other`
      await stranger(other, 'create table note (id integer primary key, text text)', theirs)
      symlinkSync('case.db', link)
      const own = await connectorTo(connector, link)
      const storage = await open({ connector: own, checkpointWalBytes: 65_536 })
      await createNotes(storage)

      symlinkSync('case.db.other', `${link}.next`)
      renameSync(`${link}.next`, link)

      const { acknowledged, attempted } = await writeAll(storage)
      expect(acknowledged).toBe(attempted)
      expect(await notes(storage.db)).toHaveLength(acknowledged)
      if (own.openCheckpointWorker !== undefined) {
        await until(async () => {
          await sql`insert into note (text) values (hex(zeroblob(5000)))`.execute(storage.db)
          return (storage.stats().wal.lastCheckpoint?.checkpointedFrames ?? 0) > 0
        })
      }
      await storage.close()
      expect(await stranger(other, counts)).toEqual([{ n: 300, theirs: 300 }])
      expect(await notes((await open({ connector: own })).db)).toHaveLength(300)
    },
  },
  {
    name: 'files that cannot be looked at for a while are not lost: every write is stored, once',
    async run({ open, connector, path }) {
      const folder = `${path}.d`
      mkdirSync(folder)
      const storage = await open({ connector: await connectorTo(connector, join(folder, 'case.db')) })
      await createNotes(storage)
      expect((await writeAll(storage)).errors).toEqual([])

      // A path that leads nowhere but to itself: as if the folder above might not be entered, also for root.
      renameSync(folder, `${folder}.away`)
      symlinkSync(folder, folder)
      const hidden = await writeAll(storage)
      unlinkSync(folder)
      renameSync(`${folder}.away`, folder)

      expect(hidden.errors).toEqual([])
      expect(await notes(storage.db)).toHaveLength(2 * hidden.attempted)
      unlinkSync(join(folder, 'case.db'))
      await expectRefusal(storage, realpathSync(folder).concat('/case.db'), 'deleted')
    },
  },
  {
    name: 'another process that is the first to use the WAL of a new database, and deletes it at its end, is no loss',
    async run({ open, holdLock }) {
      let other: HeldLock | undefined
      // From its pragmas to its first statement nothing but them keeps the WAL of a connection.
      const onConnection = async (_: unknown, role: string): Promise<void> => {
        if (role === 'writer') other = await holdLock(20_000)
      }
      const storage = await open({ onConnection })
      await other?.release()

      await createNotes(storage)

      const { acknowledged, attempted } = await writeAll(storage)
      expect(acknowledged).toBe(attempted)
    },
  },
  {
    name: 'nothing is noticed where nothing is lost: other files come and go, checkpoints, other journal modes',
    async run(context) {
      // Without a read: SQLite leaves WAL mode only where nobody else has the file open.
      const storage = await context.open()
      await createNotes(storage)
      for (const statement of [
        'pragma journal_mode = delete',
        'pragma journal_mode = wal',
        'pragma wal_checkpoint(truncate)',
        'vacuum',
      ]) {
        writeFileSync(`${context.path}.neighbour`, statement)
        await sql.raw(statement).execute(storage.db)
        unlinkSync(`${context.path}.neighbour`)
        expect((await writeAll(storage)).errors).toEqual([])
      }
      await notes(storage.db)
      await stranger(context.path, "insert into note (text) values ('of another process')")
      expect((await writeAll(storage)).errors).toEqual([])
      const inMemory = await context.openInMemory()
      await createNotes(inMemory)
      expect((await writeAll(inMemory)).errors).toEqual([])
    },
  },
]

describeContract('replaced files', [...refusals, ...openedLate, ...others])
