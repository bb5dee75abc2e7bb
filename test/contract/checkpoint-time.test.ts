/** C13: what happens around a checkpoint that takes its time: readers that stay, workers that die or hang, idle storages. */
import { describe, expect } from 'vitest'
import { killCheckpointThread } from '../../adapters/_checkpoint-thread.ts'
import { type ContractCase, describeContract } from './case.ts'
import { heldCheckpoints, noWorker, pinWal } from './held-checkpoints.ts'
import { until } from './together.ts'
import { addPage, countPages, createPages, eventLog, smallWalBytes, writeUntil } from './wal-writes.ts'

const cases: ContractCase[] = [
  {
    name: 'C13 a reader of another process that pins the WAL is reported once, writes go on, and the WAL recovers',
    async run(context) {
      const { events, messages, onWarning } = eventLog()
      const storage = await context.open({
        onWarning,
        checkpointWalBytes: smallWalBytes,
        pragmas: { journal_size_limit: smallWalBytes },
      })
      await createPages(storage.db)
      const startedAt = Date.now()
      const reader = await pinWal(context)

      let rows = await writeUntil(storage.db, () => events.length > 0)
      const { pinnedBy, bytes } = storage.stats().wal
      // Long enough for the next checkpoints to meet the same reader.
      const endMs = performance.now() + 600
      rows += await writeUntil(storage.db, () => performance.now() > endMs)

      expect(events).toEqual([
        { kind: 'wal-pinned', reader: 'other', since: expect.any(Number), walBytes: expect.any(Number) },
      ])
      expect(messages[0]).toContain(context.path)
      expect(pinnedBy?.reader).toBe('other')
      expect(pinnedBy?.since).toBeGreaterThanOrEqual(startedAt)
      expect(pinnedBy?.since).toBeLessThanOrEqual(Date.now() - 1_000)
      expect(bytes).toBeGreaterThan(4 * smallWalBytes)
      await reader.release()
      const isSmall = (): boolean => storage.stats().wal.bytes <= 4 * smallWalBytes
      rows += await writeUntil(storage.db, () => isSmall() && storage.stats().wal.pinnedBy === undefined)
      expect(await countPages(storage.db)).toBe(rows)
      expect(events).toHaveLength(1)
    },
  },
  {
    name: 'C13 a read-only transaction of the storage that pins the WAL is named, with its age',
    async run(context) {
      const { events, onWarning } = eventLog()
      const storage = await context.open({ onWarning, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await addPage(storage.db)
      const beganAt = Date.now()

      const readOnly = storage.db.transaction().setAccessMode('read only')
      await readOnly.execute(async (trx) => {
        await countPages(trx)
        const begunAt = Date.now()
        await writeUntil(storage.db, () => events.length > 0)
        const [event] = events
        expect(event).toMatchObject({ kind: 'wal-pinned', reader: 'own' })
        const { since } = event as { since: number }
        expect(since).toBeGreaterThanOrEqual(beganAt - 5)
        expect(since).toBeLessThanOrEqual(begunAt + 5)
      })

      await writeUntil(storage.db, () => storage.stats().wal.pinnedBy === undefined)
      expect(events).toHaveLength(1)
    },
  },
  {
    name: 'C13 an idle storage has its WAL cut by the worker',
    not: noWorker,
    async run({ open }) {
      const storage = await open({ checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      for (let row = 0; row < 50; row++) await addPage(storage.db)
      expect(storage.stats().wal.bytes).toBeGreaterThan(smallWalBytes)

      await until(() => storage.stats().wal.lastCheckpoint?.mode === 'truncate')

      expect(storage.stats().wal).toMatchObject({ bytes: 0, lastCheckpoint: { by: 'worker', isBusy: false } })
      await addPage(storage.db)
      expect(await countPages(storage.db)).toBe(51)
    },
  },
  {
    name: "C13 with checkpoint: 'passive' the WAL is checkpointed, but never cut",
    not: noWorker,
    async run({ open }) {
      const storage = await open({ checkpoint: 'passive', checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)
      // Longer than an idle storage of the other policy waits.
      const endMs = performance.now() + 2_500
      await until(() => performance.now() > endMs)

      expect(storage.stats().wal.lastCheckpoint?.mode).toBe('passive')
      expect(storage.stats().wal.bytes).toBeGreaterThan(smallWalBytes)
    },
  },
  {
    name: 'C13 a checkpoint that hangs does not keep writes back for more than two seconds',
    not: noWorker,
    async run(context) {
      const hang = Promise.withResolvers<void>()
      const connector = await heldCheckpoints(context, (checkpoint) => hang.promise.then(checkpoint))
      const storage = await context.open({ connector })
      await createPages(storage.db)

      let slowestMs = 0
      for (let row = 0; row < 3_000 && slowestMs < 1_000; row++) {
        const startMs = performance.now()
        await addPage(storage.db)
        slowestMs = Math.max(slowestMs, performance.now() - startMs)
      }

      // Kept back once, when the WAL had grown too much to wait for phase 1.
      expect(slowestMs).toBeGreaterThan(1_000)
      expect(slowestMs).toBeLessThan(4_000)
      hang.resolve()
      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint?.by === 'worker')
    },
  },
]

// They mostly wait, so they wait together.
describeContract('checkpoint and time', cases, describe.concurrent)

const deaths: ContractCase[] = [
  {
    name: 'C13 a checkpoint that SQLite refuses is told once, with its result code, until one succeeds',
    not: noWorker,
    async run(context) {
      const { events, onWarning } = eventLog()
      let failures = 0
      const connector = await heldCheckpoints(context, (checkpoint) => {
        if (++failures > 2) return checkpoint()
        const error = new Error('database or disk is full')
        return Promise.reject(Object.assign(error, { code: 'SQLITE_FULL', errcode: 13 }))
      })
      const storage = await context.open({ connector, onWarning, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)

      const rows = await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)

      expect(events).toMatchObject([{ kind: 'checkpoint-failed', error: { code: 'SQLITE_FULL' } }])
      expect(failures).toBeGreaterThan(2)
      expect(await countPages(storage.db)).toBe(rows)
    },
  },
  {
    name: 'C13 a worker thread that dies is reported and replaced, and no write is lost or late for it',
    not: noWorker,
    async run(context) {
      const { events, onWarning } = eventLog()
      const storage = await context.open({ onWarning, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      let rows = await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)

      await killCheckpointThread()
      rows += await writeUntil(storage.db, () => events.length > 0)
      const before = storage.stats().wal.lastCheckpoint
      rows += await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== before)

      expect(events).toMatchObject([{ kind: 'checkpoint-worker-failed', goesOn: 'worker' }])
      expect(storage.stats().wal.lastCheckpoint?.by).toBe('worker')
      expect(await countPages(storage.db)).toBe(rows)
    },
  },
  {
    name: 'C13 a worker thread that dies in every checkpoint lets the writes go, and the third time it is replaced by the writer',
    not: noWorker,
    async run(context) {
      const { events, onWarning } = eventLog()
      const connector = await heldCheckpoints(context, async (checkpoint) => {
        const ending = checkpoint()
        await Promise.all([killCheckpointThread(), ending])
        return ending
      })
      const storage = await context.open({ connector, onWarning, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)

      let rows = await writeUntil(storage.db, () => events.length === 3)
      rows += await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint?.by === 'writer')

      const goesOn = events.map((event) => event.kind === 'checkpoint-worker-failed' && event.goesOn)
      expect(goesOn).toEqual(['worker', 'worker', 'writer'])
      expect(await countPages(storage.db)).toBe(rows)
    },
  },
]

describeContract('checkpoint without its worker', deaths)
