/** C13: what keeps the WAL bounded when others write, and checkpoint, at the same time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { startProgram } from '../processes/program.ts'
import { type ContractCase, describeContract } from './case.ts'
import { heldCheckpoints, noWorker, pinWal } from './held-checkpoints.ts'
import { runtime } from './matrix.ts'
import {
  addPage,
  countPages,
  createPages,
  eventLog,
  smallWalBytes,
  writePages,
  writeUntil,
} from './wal-writes.ts'

const alone = { libsql: 'its SQLite has the WAL-reset bug: one process alone may write' } as const

/** Another process is in a checkpoint, as SQLite answers it (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint). */
const elsewhere = { isBusy: true, logFrames: -1, checkpointedFrames: -1 } as const

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
        return Promise.resolve(elsewhere)
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
    name: 'C13 while another process checkpoints, the lock is not held for it before the WAL has half as much again as its limit',
    not: noWorker,
    async run(context) {
      const checkpointWalBytes = 8 * smallWalBytes
      const askedAtBytes: number[] = []
      const walBytes = (): number => storage.stats().wal.bytes
      const connector = await heldCheckpoints(context, () => {
        askedAtBytes.push(walBytes())
        return Promise.resolve(elsewhere)
      })
      const storage = await context.open({ connector, checkpointWalBytes })
      await createPages(storage.db)
      // Asked twice without a write between: that is what it does with the lock in hand.
      const insistedAtBytes = (): number | undefined =>
        askedAtBytes.find((bytes, index) => bytes === askedAtBytes[index - 1])

      await writeUntil(storage.db, () => insistedAtBytes() !== undefined)

      expect(askedAtBytes[0]).toBeLessThan(1.5 * checkpointWalBytes)
      expect(insistedAtBytes()).toBeGreaterThanOrEqual(1.5 * checkpointWalBytes)
    },
  },
  {
    name: 'C13 what another process has moved is not moved again: with little left, writes are kept back at once',
    not: noWorker,
    async run(context) {
      const checkpointWalBytes = 4 * smallWalBytes
      let phase: 'fill' | 'move' | 'rest' = 'fill'
      let moves = 0
      const waits: boolean[] = []
      const connector = await heldCheckpoints(context, async (checkpoint) => {
        if (phase === 'fill') return elsewhere
        if (phase === 'rest') {
          const write = addPage(storage.db).then(() => false)
          waits.push(await Promise.race([write, sleep(100, true)]))
        }
        const result = await checkpoint()
        moves++
        return result
      })
      const storage = await context.open({ connector, checkpointWalBytes })
      await createPages(storage.db)
      await writeUntil(storage.db, () => storage.stats().wal.bytes >= checkpointWalBytes)
      // It keeps the WAL from starting over, and what was written before it can be moved.
      await using _reader = await pinWal(context)
      // Not as fast as elsewhere: little is to be left.
      const writeNowAndThen = async (holds: () => boolean): Promise<void> => {
        for (; !holds(); await sleep(15)) await addPage(storage.db)
      }
      phase = 'move'
      // Both phases of one checkpoint: the next is the first that finds little left.
      await writeNowAndThen(() => moves >= 2)
      phase = 'rest'

      await writeNowAndThen(() => waits.length > 0)

      expect(waits[0]).toBe(true)
    },
  },
  {
    name: 'C13 a process that was stopped in a checkpoint is named, and waited for now and then only: writes go on',
    not: noWorker,
    async run(context) {
      let isElsewhere = false
      const connector = await heldCheckpoints(context, (checkpoint) =>
        isElsewhere ? Promise.resolve(elsewhere) : checkpoint(),
      )
      const { events, onWarning } = eventLog()
      const storage = await context.open({ connector, checkpointWalBytes: smallWalBytes, onWarning })
      await createPages(storage.db)
      await writeUntil(storage.db, () => storage.stats().wal.lastCheckpoint !== undefined)

      isElsewhere = true
      let longWaits = 0
      let lastMs = performance.now()
      const endMs = lastMs + 3_000
      await writeUntil(storage.db, () => {
        const nowMs = performance.now()
        if (nowMs - lastMs > 400) longWaits++
        lastMs = nowMs
        return nowMs > endMs
      })
      const { pinnedBy } = storage.stats().wal
      isElsewhere = false
      await writeUntil(storage.db, () => storage.stats().wal.pinnedBy === undefined)

      // Half a second each: of six, there would be time for hardly anything else.
      expect(longWaits).toBeGreaterThan(0)
      expect(longWaits).toBeLessThanOrEqual(3)
      expect(pinnedBy).toMatchObject({ reader: 'other' })
      expect(events).toMatchObject([{ kind: 'wal-pinned', reader: 'other' }])
    },
  },
]

describeContract('checkpoints among others', cases)
