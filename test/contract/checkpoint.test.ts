/** C13: the WAL stays bounded, and checkpoints run where they freeze nobody. */
import { statSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import type { CheckpointWorker, Connector, Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { databaseFiles } from './database-files.ts'
import { heldCheckpoints, noWorker } from './held-checkpoints.ts'
import { watchLoop } from './loop-gaps.ts'
import { type ConnectorName, connectorTo } from './matrix.ts'
import { rejection } from './note.ts'
import { ownLocksOn } from './own-locks.ts'
import { until } from './together.ts'
import { addPage, countPages, createPages, eventLog, smallWalBytes, writeUntil } from './wal-writes.ts'

/** Who runs the checkpoints; of those that SQLite runs in a commit nothing is seen. */
const checkpointedBy: Readonly<Record<ConnectorName, 'worker' | undefined>> = {
  'better-sqlite3': 'worker',
  'node-sqlite': 'worker',
  'bun-sqlite': 'worker',
  libsql: undefined,
  'libsql-server': undefined,
}

/** Writes until the worker has checkpointed, where there is one. */
async function checkpointOnce(storage: Storage<AnyDatabase>, connector: ConnectorName): Promise<void> {
  if (checkpointedBy[connector] === undefined) return
  await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)
}

/** Writes to the attached database `log` alone, a megabyte, and answers how large its WAL is then. */
async function walOfLog(db: Kysely<AnyDatabase>, path: string): Promise<number> {
  await sql`create table log.line (content blob)`.execute(db)
  for (let row = 0; row < 300; row++) await sql`insert into log.line values (zeroblob(3500))`.execute(db)
  return statSync(`${path}.log-wal`).size
}

async function openWorker({ connector, path }: CaseContext): Promise<CheckpointWorker> {
  return (await (await connectorTo(connector, path)).openCheckpointWorker?.()) as CheckpointWorker
}

const cases: ContractCase[] = [
  {
    name: 'C13 the WAL stays under 8 MB while 16 callers write 24 MB',
    async run({ open, connector }) {
      const storage = await open()
      await createPages(storage.db)
      let largest = 0

      const writeMany = async (): Promise<void> => {
        for (let row = 0; row < 200; row++) {
          await addPage(storage.db)
          largest = Math.max(largest, storage.stats().wal.bytes)
        }
      }
      await Promise.all(Array.from({ length: 16 }, writeMany))

      expect(await countPages(storage.db)).toBe(3_200)
      expect(largest).toBeGreaterThan(4_000_000)
      expect(largest).toBeLessThanOrEqual(8_000_000)
      const { lastCheckpoint } = storage.stats().wal
      expect(lastCheckpoint?.by).toBe(checkpointedBy[connector])
      if (lastCheckpoint !== undefined) {
        expect(lastCheckpoint).toMatchObject({ mode: 'passive', isBusy: false })
        expect(lastCheckpoint.checkpointedFrames).toBeGreaterThan(0)
        expect(Math.abs(Date.now() - lastCheckpoint.endedAt)).toBeLessThan(60_000)
      }
    },
  },
  {
    name: 'C13 transactions alone keep the WAL bounded too',
    async run({ open, connector }) {
      const limitBytes = 1024 * 1024
      const storage = await open({ checkpointWalBytes: limitBytes })
      await createPages(storage.db)
      let largest = 0

      for (let row = 0; row < 400; row++) {
        await storage.write(addPage)
        largest = Math.max(largest, storage.stats().wal.bytes)
      }

      expect(await countPages(storage.db)).toBe(400)
      expect(largest).toBeLessThanOrEqual(2 * limitBytes)
      expect(storage.stats().wal.lastCheckpoint?.by).toBe(checkpointedBy[connector])
    },
  },
  {
    name: 'C13 the WAL of a database that is opened by a symbolic link is checkpointed as well',
    async run({ open, connector, path }) {
      const link = `${path}.link`
      await symlink('case.db', link)
      const storage = await open({
        connector: await connectorTo(connector, link),
        checkpointWalBytes: smallWalBytes,
      })
      await createPages(storage.db)

      const isCheckpointed = (): boolean =>
        checkpointedBy[connector] === undefined || storage.stats().wal.lastCheckpoint !== undefined
      await writeUntil(storage.db, () => storage.stats().wal.bytes >= smallWalBytes && isCheckpointed())

      await storage.close()
      expect((await databaseFiles({ connector, path })).sort()).toEqual(['case.db', 'case.db.link'])
    },
  },
  {
    name: 'C13 with pages of 1 KiB the worker checkpoints too, and not SQLite in the commits before',
    async run({ open, connector }) {
      const pageBytes = 1024
      const old = await open({ pragmas: { page_size: pageBytes } })
      await createPages(old.db)
      await old.close()

      const storage = await open({ checkpointWalBytes: smallWalBytes })

      const [row] = await storage.db
        .connection()
        .execute((db) => sql<{ wal_autocheckpoint: number }>`pragma wal_autocheckpoint`.execute(db))
        .then(({ rows }) => rows)
      const by = checkpointedBy[connector]
      expect(row?.wal_autocheckpoint).toBe((smallWalBytes * (by === undefined ? 1 : 1.75)) / pageBytes)
      if (by === undefined) return
      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint?.by === by)
      expect(storage.stats().wal.bytes).toBeGreaterThan(smallWalBytes)
    },
  },
  {
    name: 'C13 the WAL of an attached database stays bounded as well',
    async run({ open, connector, path }) {
      const storage = await open({
        checkpointWalBytes: smallWalBytes,
        async onConnection(connection, role) {
          await connection.exec(`ATTACH '${path}.log' AS log`)
          if (role === 'writer') await connection.exec('PRAGMA log.journal_mode = wal')
        },
      })
      await createPages(storage.db)
      await checkpointOnce(storage, connector)

      expect(await walOfLog(storage.db, path)).toBeLessThanOrEqual(4 * smallWalBytes)
    },
  },
  {
    name: 'C13 the WAL of an attached database stays bounded that is attached after the first checkpoint',
    async run({ open, connector, path }) {
      const storage = await open({ checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await checkpointOnce(storage, connector)

      await sql`attach ${`${path}.log`} as log`.execute(storage.db)
      await sql`pragma log.journal_mode = wal`.execute(storage.db)

      expect(await walOfLog(storage.db, path)).toBeLessThanOrEqual(4 * smallWalBytes)
    },
  },
  {
    name: 'C13 a slow checkpoint keeps writes back, but neither reads nor the event loop',
    not: noWorker,
    async run(context) {
      const slowMs = 400
      let isSlow = false
      let reads = 0
      const connector = await heldCheckpoints(context, async (checkpoint) => {
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, slowMs))
        return checkpoint()
      })
      const storage = await context.open({ connector, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)

      isSlow = true
      const loop = watchLoop()
      let slowestMs = 0
      let isOver = false
      const writing = (async () => {
        // Longer than phase 1, which the WAL may outgrow, so that writes meet the gate.
        for (const endMs = performance.now() + 2 * slowMs; performance.now() < endMs; ) {
          const startMs = performance.now()
          await addPage(storage.db)
          slowestMs = Math.max(slowestMs, performance.now() - startMs)
        }
        isOver = true
      })()
      while (!isOver) {
        await countPages(storage.db)
        reads++
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await writing
      isSlow = false

      expect(slowestMs).toBeGreaterThan(slowMs / 2)
      expect(reads).toBeGreaterThan(20)
      expect(loop.worstGapMs()).toBeLessThan(slowMs)
    },
  },
  {
    name: 'C13 the worker closes its handle without taking the locks of the writer with it',
    not: noWorker,
    async run(context) {
      const storage = await context.open()
      await createPages(storage.db)

      const locksBefore = ownLocksOn(context.path)
      if (process.platform === 'linux') expect(locksBefore).toHaveLength(1)

      await storage.write(async (trx) => {
        await addPage(trx)
        const worker = await openWorker(context)
        await worker.checkpoint('passive')
        await worker.close()

        const begin = context.peer('pragma busy_timeout = 0', 'begin immediate')
        expect(String(await rejection(begin))).toMatch(/locked/)
      })
      expect(ownLocksOn(context.path)).toEqual(locksBefore)
      expect(await databaseFiles(context)).toContain('case.db-wal')
    },
  },
  {
    name: 'C13 a checkpoint tells whether it was busy, and how far it came',
    not: noWorker,
    async run(context) {
      const storage = await context.open()
      await createPages(storage.db)
      const worker = await openWorker(context)

      await storage.db
        .transaction()
        .setAccessMode('read only')
        .execute(async (trx) => {
          await countPages(trx)
          await addPage(storage.db)
          const passive = await worker.checkpoint('passive')
          expect(passive.isBusy).toBe(false)
          expect(passive.checkpointedFrames).toBeLessThan(passive.logFrames)
          expect(await worker.checkpoint('truncate')).toEqual({ ...passive, isBusy: true })
        })

      const done = await worker.checkpoint('truncate')
      expect(done).toEqual({ isBusy: false, logFrames: 0, checkpointedFrames: 0 })
      await worker.close()
    },
  },
  {
    name: 'C15 close() closes the handle of the worker first, and another storage keeps its own',
    async run(context) {
      const other = await context.open({ checkpointWalBytes: smallWalBytes })
      const storage = await context.open({ checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      let rows = 0
      const isReady = (each: typeof storage) => (): boolean => {
        if (checkpointedBy[context.connector] === undefined) return ++rows > 50
        return each.stats().wal.lastCheckpoint !== undefined
      }
      await writeUntil(storage.db, isReady(storage))
      await writeUntil(other.db, isReady(other))

      await storage.close()
      const before = other.stats().wal.lastCheckpoint
      const isAfter = (): boolean => other.stats().wal.lastCheckpoint !== before
      if (before !== undefined) await writeUntil(other.db, isAfter)
      await other.close()

      expect(await databaseFiles(context)).toEqual(['case.db'])
    },
  },
  {
    name: 'C13 a program that writes little starts no worker',
    not: noWorker,
    async run(context) {
      let opened = 0
      const connector = await connectorTo(context.connector, context.path)
      const openCheckpointWorker = (): Promise<CheckpointWorker> => {
        opened++
        return connector.openCheckpointWorker?.() as Promise<CheckpointWorker>
      }
      const storage = await context.open({ connector: { ...connector, openCheckpointWorker } })
      await createPages(storage.db)

      for (let row = 0; row < 100; row++) await addPage(storage.db)
      await storage.close()

      expect(opened).toBe(0)
    },
  },
  {
    name: 'C13 where no worker can be started, the writer checkpoints, and says so once',
    not: noWorker,
    async run(context) {
      const { events, messages, onWarning } = eventLog()
      const connector: Connector = {
        ...(await connectorTo(context.connector, context.path)),
        openCheckpointWorker: () => Promise.reject(new Error('there are no threads here')),
      }
      const options = { connector, onWarning, checkpointWalBytes: smallWalBytes }
      const storage = await context.open(options)
      await createPages(storage.db)

      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)
      let largest = 0
      for (let row = 0; row < 100; row++) {
        await addPage(storage.db)
        largest = Math.max(largest, storage.stats().wal.bytes)
      }

      expect(storage.stats().wal.lastCheckpoint).toMatchObject({ by: 'writer', mode: 'passive' })
      expect(largest).toBeLessThanOrEqual(4 * smallWalBytes)
      expect(events).toMatchObject([{ kind: 'checkpoint-worker-failed', goesOn: 'writer' }])
      expect(messages[0]).toContain('there are no threads here')
      const pages = await storage.db
        .connection()
        .execute((db) => sql<{ wal_autocheckpoint: number }>`pragma wal_autocheckpoint`.execute(db))
      expect(pages.rows).toEqual([{ wal_autocheckpoint: smallWalBytes / 4_096 }])
    },
  },
  {
    name: 'C13 stats() tells of no lock that was met where nobody else is there: not for checkpoints, nor for what fails',
    async run({ open, connector }) {
      const storage = await open({ checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await checkpointOnce(storage, connector)
      await addPage(storage.db)
      await rejection(sql`insert into page (id) values (1)`.execute(storage.db))
      await rejection(storage.db.transaction().execute(() => Promise.reject(new Error('on purpose'))))
      await rejection(sql`vacuum into '/nowhere/at/all.db'`.execute(storage.db))

      const { lockAttempts, lockCycles } = storage.stats()
      expect(lockAttempts).toBe(lockCycles)
    },
  },
  {
    name: "C13 with checkpoint: 'off' nothing is checkpointed",
    async run({ open }) {
      const storage = await open({ checkpoint: 'off', checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)

      for (let row = 0; row < 700; row++) await addPage(storage.db)

      expect(storage.stats().wal.lastCheckpoint).toBeUndefined()
      expect(storage.stats().wal.bytes).toBeGreaterThan(1_100 * 4_096)
    },
  },
  {
    name: 'C13 the last checkpoint is the one at close()',
    async run({ open }) {
      const storage = await open()
      await createPages(storage.db)
      await storage.close()
      expect(storage.stats().wal).toMatchObject({
        bytes: 0,
        lastCheckpoint: { by: 'writer', mode: 'passive', isBusy: false },
      })
    },
  },
  {
    name: 'C13 a database in memory has no WAL',
    async run({ openInMemory }) {
      const storage = await openInMemory({ checkpointWalBytes: 1 })
      await createPages(storage.db)
      await addPage(storage.db)
      expect(storage.stats().wal).toEqual({
        bytes: 0,
        lastCheckpoint: undefined,
        pinnedBy: undefined,
      })
      await until(() => storage.stats().queuedWrites === 0)
    },
  },
]

describeContract('checkpoint', cases)
