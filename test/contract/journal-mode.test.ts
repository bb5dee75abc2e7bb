/** C3 in a journal mode other than WAL: readers may wait, and a COMMIT that is busy is tried again. */
import { sql } from 'kysely'
import { type BeginMode, LockTimeoutError, type Storage, type StorageOptions } from 'unbusy'
import { type HeldLock, holdLock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerCommand } from '../processes/peer.ts'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { rejection } from './note.ts'
import { observedConnector } from './observed-connector.ts'

async function openWithDelete(
  { open }: CaseContext,
  options: Partial<StorageOptions> = {},
): Promise<Storage<AnyDatabase>> {
  const storage = await open({ pragmas: { journal_mode: 'delete' }, ...options })
  await sql`create table if not exists t (a integer)`.execute(storage.db)
  return storage
}

/** Well below the waits that are measured, well above what a call takes that does not wait. */
const holdMs = 100

/** Runs `work` until the lock is free, and answers how long that took. */
async function untilReleased<T>(
  lock: HeldLock,
  work: () => Promise<T>,
): Promise<{ result: T; tookMs: number }> {
  const startMs = performance.now()
  setTimeout(() => void lock.release(), holdMs)
  const result = await work()
  return { result, tookMs: performance.now() - startMs }
}

function hold({ path }: CaseContext, begin: BeginMode): Promise<HeldLock> {
  return holdLock(path, 20_000, { begin, command: peerCommand() })
}

const insert = sql`insert into t values (1)`
const select = sql<{ a: number }>`select a from t`

/** The ways to read that do not go through the writer. */
const reads: Readonly<Record<string, (storage: Storage<AnyDatabase>) => Promise<unknown[]>>> = {
  'a point read': async ({ db }) => (await select.execute(db)).rows,
  'a stream': async ({ db }) => {
    const rows: unknown[] = []
    for await (const row of db.selectFrom('t').select('a').stream()) rows.push(row)
    return rows
  },
  'a read-only transaction': async ({ db }) => {
    const transaction = db.transaction().setAccessMode('read only')
    return (await transaction.execute((trx) => select.execute(trx))).rows
  },
}

const readCases: ContractCase[] = Object.entries(reads).flatMap(([what, read]) => [
  {
    name: `C3 ${what} that meets an exclusive lock waits, and answers when it is free`,
    async run(context) {
      const storage = await openWithDelete(context)
      await insert.execute(storage.db)
      await using lock = await hold(context, 'exclusive')
      const { result, tookMs } = await untilReleased(lock, () => read(storage))
      expect(result).toEqual([{ a: 1 }])
      expect(tookMs).toBeGreaterThanOrEqual(holdMs - 1)
    },
  },
  {
    name: `C3 ${what} gives up when its budget is over`,
    async run(context) {
      const storage = await openWithDelete(context, { lockTimeoutMs: 100 })
      await insert.execute(storage.db)
      await using lock = await hold(context, 'exclusive')
      const error = await read(storage).catch((thrown) => thrown)
      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(error.waitedMs).toBeGreaterThanOrEqual(100)
      await lock.release()
      expect(await read(storage)).toEqual([{ a: 1 }])
    },
  },
])

const cases: ContractCase[] = [
  {
    name: 'C1 journal_mode delete: the file is in that mode, and reads, writes and transactions work',
    async run(context) {
      const storage = await openWithDelete(context)
      await insert.execute(storage.db)
      await storage.write(async (trx) => void (await insert.execute(trx)))
      expect((await select.execute(storage.db)).rows).toEqual([{ a: 1 }, { a: 1 }])
      expect((await sql`pragma journal_mode`.execute(storage.db)).rows).toEqual([{ journal_mode: 'delete' }])
      expect(await context.peer('pragma journal_mode')).toEqual([{ journal_mode: 'delete' }])
    },
  },
  {
    name: 'C9 opening a database that others have open in WAL says that its journal mode is in the way, not a lock',
    async run({ open }) {
      const others = await open()
      await sql`create table t (a)`.execute(others.db)

      const error = await rejection(open({ pragmas: { journal_mode: 'delete' }, lockTimeoutMs: 50 }))

      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(error.message).toMatch(
        /^The database stayed in journal mode wal instead of delete as others were using it, after waiting \d+ ms/,
      )
    },
  },
  {
    name: 'C11 a write in the loop over a stream does not wait for that stream',
    async run(context) {
      const storage = await openWithDelete(context, { lockTimeoutMs: 2_000 })
      await sql`insert into t values (1), (2)`.execute(storage.db)

      for await (const { a } of storage.db.selectFrom('t').select('a').stream(1))
        await sql`insert into t values (${a + 10})`.execute(storage.db)

      expect((await select.execute(storage.db)).rows).toEqual([{ a: 1 }, { a: 2 }, { a: 11 }, { a: 12 }])
    },
  },
  {
    name: 'C3 a COMMIT that is busy because another process reads is tried again; the callback runs once (C4)',
    async run(context) {
      const storage = await openWithDelete(context)
      await using lock = await hold(context, 'deferred')
      let calls = 0
      const write = (): Promise<void> =>
        storage.write(async (trx) => {
          calls++
          // The lock is taken and the row is there: what is left is the COMMIT, which the reader keeps busy.
          await insert.execute(trx)
        })
      const { tookMs } = await untilReleased(lock, write)
      expect(tookMs).toBeGreaterThanOrEqual(holdMs - 1)
      expect(calls).toBe(1)
      expect(await context.peer('select a from t')).toEqual([{ a: 1 }])
    },
  },
  {
    name: 'C3 a COMMIT that stays busy for the whole budget is rolled back: nothing of it is stored later',
    async run(context) {
      const storage = await openWithDelete(context, { lockTimeoutMs: 150 })
      await using lock = await hold(context, 'deferred')
      await expect(storage.write((trx) => insert.execute(trx))).rejects.toThrow(LockTimeoutError)
      await lock.release()
      expect(await context.peer('select a from t')).toEqual([])
      await insert.execute(storage.db)
      expect(await context.peer('select a from t')).toEqual([{ a: 1 }])
    },
  },
  {
    name: 'C3 a lone write waits for another writer and for another reader, and is stored once',
    async run(context) {
      const storage = await openWithDelete(context)
      for (const begin of ['immediate', 'deferred', 'exclusive'] as const) {
        await using lock = await hold(context, begin)
        const { tookMs } = await untilReleased(lock, () => insert.execute(storage.db))
        expect(tookMs).toBeGreaterThanOrEqual(holdMs - 1)
      }
      expect(await context.peer('select count(*) as n from t')).toEqual([{ n: 3 }])
    },
  },
  {
    name: 'C3 ten reads at once that meet an exclusive lock share one reader, also if it has to be replaced',
    async run(context) {
      const { connector, opened } = await observedConnector(context)
      let running = 0
      let mostAtOnce = 0
      // A slow one, so that other reads come while their reader is being replaced.
      const onConnection = async (): Promise<void> => {
        mostAtOnce = Math.max(mostAtOnce, ++running)
        await new Promise((resolve) => setTimeout(resolve, 20))
        running--
      }
      const storage = await openWithDelete(context, { connector, onConnection })
      await insert.execute(storage.db)
      await select.execute(storage.db)
      await using lock = await hold(context, 'exclusive')
      const readTen = (): Promise<unknown[]> =>
        Promise.all(Array.from({ length: 10 }, () => reads['a point read']?.(storage)))
      const { result } = await untilReleased(lock, readTen)
      expect(result).toEqual(Array(10).fill([{ a: 1 }]))
      const open = opened.filter(({ isClosed }) => !isClosed).map(({ role }) => role)
      expect(open).toEqual(['writer', 'reader'])
      expect(mostAtOnce).toBe(1)
    },
  },
  {
    name: 'C3 reads that come while others meet an exclusive lock on their reader are answered, and so are those others',
    async run(context) {
      const storage = await openWithDelete(context)
      await insert.execute(storage.db)
      await select.execute(storage.db)
      await using lock = await hold(context, 'exclusive')
      // One in each microtask: some find the reader spoiled while others still stand in the driver's line for it.
      const readOneByOne = async (): Promise<unknown[]> => {
        const pending: Promise<unknown>[] = []
        while (pending.length < 200) {
          pending.push(reads['a point read']?.(storage) as Promise<unknown>)
          await Promise.resolve()
        }
        return Promise.all(pending)
      }
      const { result } = await untilReleased(lock, readOneByOne)
      expect(result).toEqual(Array(200).fill([{ a: 1 }]))
    },
  },
  ...readCases,
]

describeContract('journal mode delete', cases)
