/** C13: what keeps the WAL bounded when others write, and checkpoint, at the same time. */
import type { Kysely } from 'kysely'
import { expect } from 'vitest'
import { startProgram } from '../processes/program.ts'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { heldCheckpoints, noWorker, pinWal } from './held-checkpoints.ts'
import { runtime } from './matrix.ts'
import { addPage, countPages, createPages, smallWalBytes, writePages, writeUntil } from './wal-writes.ts'

const alone = { libsql: 'its SQLite has the WAL-reset bug: one process alone may write' } as const

const cases: ContractCase[] = [
  {
    name: 'C13 the WAL stays bounded while two processes write without a pause',
    not: alone,
    async run({ open, connector, path }) {
      const checkpointWalBytes = 1024 * 1024
      const count = 1_500
      const storage = await open({ checkpointWalBytes })
      await createPages(storage.db)
      const target = { runtime, connector, path }
      await using other = startProgram('worker-pages', target, String(count), String(checkpointWalBytes))
      expect(await other.next()).toBe('ready')
      other.tell('go')

      const [ours, theirs] = await Promise.all([writePages(storage, count), other.next<number>()])

      expect(await countPages(storage.db)).toBe(2 * count)
      // 24 MB were written. With PASSIVE beside the writers alone, most of that lies in the WAL; with ours 2 MB, and 4 where
      // the machine has more to do.
      expect(Math.max(ours, theirs)).toBeLessThanOrEqual(8 * checkpointWalBytes)
      expect(await other.ended).toBe(0)
    },
  },
  {
    name: 'C13 while another process checkpoints, writes are kept back once the WAL has outgrown its limit',
    not: noWorker,
    async run(context) {
      let isElsewhere = false
      let asked = 0
      const connector = await heldCheckpoints(context, (checkpoint) => {
        if (!isElsewhere) return checkpoint()
        asked++
        // As SQLite answers it (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint).
        return Promise.resolve({ isBusy: true, logFrames: -1, checkpointedFrames: -1 })
      })
      const storage = await context.open({ connector, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      let rows = await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)

      isElsewhere = true
      setTimeout(() => {
        isElsewhere = false
      }, 300)
      let largest = 0
      rows += await writeUntil(storage.db, () => {
        largest = Math.max(largest, storage.stats().wal.bytes)
        return !isElsewhere
      })

      expect(asked).toBeGreaterThan(1)
      expect(largest).toBeLessThanOrEqual(4 * smallWalBytes)
      expect(await countPages(storage.db)).toBe(rows)
    },
  },
  {
    name: 'C13 what another process has moved into the database is not moved again: the next checkpoint is phase 2',
    not: noWorker,
    async run(context) {
      // Larger than what is written between two looks.
      const checkpointWalBytes = 8 * smallWalBytes
      const mayWrite: boolean[] = []
      const halt = Promise.withResolvers<void>()
      let isHalted = false
      const connector = await heldCheckpoints(context, async (checkpoint) => {
        if (!isHalted) {
          isHalted = true
          await movePartly(context, storage.db)
          halt.resolve()
          // What SQLite answers while that runs.
          return { isBusy: true, logFrames: -1, checkpointedFrames: -1 }
        }
        mayWrite.push(await canWrite(context))
        return checkpoint()
      })
      const storage = await context.open({ connector, checkpointWalBytes })
      await createPages(storage.db)
      let rows = 1 + (await writeUntil(storage.db, () => isHalted))
      await halt.promise

      rows += await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint?.isBusy === false)

      expect(mayWrite).toEqual([false])
      expect(storage.stats().wal.bytes).toBeLessThanOrEqual(2 * checkpointWalBytes)
      expect(await countPages(storage.db)).toBe(rows)
    },
  },
  {
    name: 'C13 who has to wait for the lock of another process checkpoints meanwhile',
    not: noWorker,
    async run(context) {
      const checkpointedAt: number[] = []
      const connector = await heldCheckpoints(context, (checkpoint) => {
        checkpointedAt.push(Date.now())
        return checkpoint()
      })
      const storage = await context.open({ connector, checkpointWalBytes: smallWalBytes })
      await createPages(storage.db)
      await context.peer('insert into page (content) values (zeroblob(1000000))')
      const lock = await context.holdLock(300)

      await addPage(storage.db)

      expect(checkpointedAt.length).toBeGreaterThan(0)
      expect(checkpointedAt[0]).toBeLessThan(await lock.released)
      expect(await countPages(storage.db)).toBe(2)
    },
  },
]

/** Another process moves all but the last page: the WAL would start over if that were moved as well. */
async function movePartly(context: CaseContext, db: Kysely<AnyDatabase>): Promise<void> {
  const reader = await pinWal(context)
  await addPage(db)
  await context.peer('pragma wal_checkpoint(passive)')
  await reader.release()
}

/** Whether another process can get the lock just now. */
function canWrite({ peer }: CaseContext): Promise<boolean> {
  return peer('pragma busy_timeout = 0', 'begin immediate').then(
    () => true,
    () => false,
  )
}

describeContract('checkpoints among others', cases)
