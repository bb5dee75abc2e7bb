/** C13: a WAL file that has grown large is cut, but only where that shuts nobody out. */
import { sql } from 'kysely'
import type { CheckpointMode } from 'unbusy'
import { describe, expect } from 'vitest'
import { type CaseContext, type ContractCase, describeContract } from './case.ts'
import { heldCheckpoints, noWorker, pinWal } from './held-checkpoints.ts'
import { until } from './together.ts'
import { countPages, createPages, smallWalBytes, writeUntil } from './wal-writes.ts'

/** 64 MiB with the limit that a storage has by itself. */
const largeBytes = 16 * smallWalBytes

interface Asked {
  readonly mode: CheckpointMode
  readonly walBytes: number
  /** Lock cycles of writes while it ran. */
  readonly written: number
  readonly isBusy: boolean
}

/** A storage whose WAL has grown large as a reader pins it, and what its worker has been asked for. */
async function growWal(context: CaseContext, policy: 'auto' | 'passive') {
  const asked: Asked[] = []
  const connector = await heldCheckpoints(context, async (checkpoint, mode) => {
    const walBytes = storage.stats().wal.bytes
    const { lockCycles } = storage.stats()
    // Time for writes to come through, if they are not kept back.
    if (mode === 'truncate') await new Promise((resolve) => setTimeout(resolve, 30))
    const result = await checkpoint()
    asked.push({ mode, walBytes, written: storage.stats().lockCycles - lockCycles, isBusy: result.isBusy })
    return result
  })
  const storage = await context.open({ connector, checkpoint: policy, checkpointWalBytes: smallWalBytes })
  await createPages(storage.db)
  const reader = await pinWal(context)
  // Two: what comes of the first one shows in the second.
  const rows = await writeUntil(
    storage.db,
    () => asked.filter(({ walBytes }) => walBytes >= largeBytes).length === 2,
  )
  return { storage, asked, reader, rows }
}

const cases: ContractCase[] = [
  {
    name: 'C13 the WAL of a write that had to wait, and was the last, is cut when nobody writes',
    not: noWorker,
    async run(context) {
      const storage = await context.open({ checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await context.holdLock(100)

      await sql`insert into page (content) values (zeroblob(${2 * largeBytes}))`.execute(storage.db)

      expect(storage.stats().wal.bytes).toBeGreaterThan(largeBytes)
      await until(() => storage.stats().wal.bytes === 0)
    },
  },
  {
    name: 'C13 a WAL of 16 times its limit is cut when no reader is in the way, while no write runs',
    not: noWorker,
    async run(context) {
      const { storage, asked, reader, rows } = await growWal(context, 'auto')
      expect(new Set(asked.map(({ mode }) => mode))).toEqual(new Set(['passive']))

      await reader.release()
      const cut = (): Asked | undefined => asked.find(({ mode }) => mode === 'truncate')
      let more = await writeUntil(storage.db, () => cut() !== undefined)

      expect(cut()).toMatchObject({ written: 0, isBusy: false })
      expect(cut()?.walBytes).toBeGreaterThanOrEqual(largeBytes)
      await until(() => storage.stats().wal.bytes < largeBytes)
      more += await writeUntil(storage.db, () => storage.stats().wal.pinnedBy === undefined)
      expect(await countPages(storage.db)).toBe(rows + more)
    },
  },
  {
    name: "C13 with checkpoint: 'passive' such a WAL is emptied, but not cut",
    not: noWorker,
    async run(context) {
      const { storage, asked, reader, rows } = await growWal(context, 'passive')
      await reader.release()
      const before = asked.length
      const more = await writeUntil(storage.db, () => asked.length > before + 2)

      expect(new Set(asked.map(({ mode }) => mode))).toEqual(new Set(['passive']))
      expect(storage.stats().wal.bytes).toBeGreaterThanOrEqual(largeBytes)
      expect(await countPages(storage.db)).toBe(rows + more)
    },
  },
]

// They mostly wait, so they wait together.
describeContract('checkpoints that cut', cases, describe.concurrent)
