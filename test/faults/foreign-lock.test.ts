/**
 * Another process keeps the database to itself for longer than anybody waits, or is killed while it has a lock.
 *
 * @runs-alone it measures how soon waits end, and how still the event loop stands
 * @module
 */
import { sql } from 'kysely'
import { LockTimeoutError, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from '../contract/case.ts'
import { watchLoop } from '../contract/loop-gaps.ts'
import { notes, rejection } from '../contract/note.ts'
import { openStranger, storedNotes, stranger } from './stranger.ts'
import { createNotes, writeAll, writeKinds } from './write-kinds.ts'

const budgetMs = 700
/** A wait inside SQLite would stop the event loop for the whole budget; a busy machine may for some of it. */
const worstGapMs = 500

/** Every kind at once: all end at the budget, and meanwhile the event loop turns. */
async function expectAllToTimeOut(start: () => readonly Promise<unknown>[]): Promise<void> {
  const loop = watchLoop()
  const startedAtMs = performance.now()
  const ends = start().map(async (promise) => {
    const error = await rejection(promise)
    return { error, endedMs: performance.now() - startedAtMs }
  })
  for (const { error, endedMs } of await Promise.all(ends)) {
    expect(error).toBeInstanceOf(LockTimeoutError)
    expect(endedMs).toBeGreaterThanOrEqual(budgetMs)
    expect(endedMs).toBeLessThan(budgetMs + 1_500)
  }
  expect(loop.worstGapMs()).toBeLessThan(worstGapMs)
}

function allWrites(storage: Storage<AnyDatabase>): Promise<unknown>[] {
  return writeKinds.flatMap(({ start }) => start(storage))
}

describeContract('foreign locks', [
  {
    name: 'BEGIN EXCLUSIVE for longer than the budget: every write ends at it, reads go on, work resumes at the release',
    async run({ open, path }) {
      const storage = await open({ lockTimeoutMs: budgetMs })
      await createNotes(storage)
      await using other = openStranger(path)
      await other.run('begin exclusive')

      await expectAllToTimeOut(() => allWrites(storage))
      expect(await notes(storage.db)).toEqual([])
      await other.run('commit')

      const { attempted, acknowledged } = await writeAll(storage)
      expect(acknowledged).toBe(attempted)
      // Nothing of what was given up is written later.
      expect(await storedNotes(path)).toBe(acknowledged)
    },
  },
  {
    name: 'without WAL, BEGIN EXCLUSIVE keeps readers out too: reads end at the budget as writes do',
    async run({ open, path }) {
      const storage = await open({ lockTimeoutMs: budgetMs, pragmas: { journal_mode: 'delete' } })
      await createNotes(storage)
      expect(await notes(storage.db)).toEqual([])
      await using other = openStranger(path)
      await other.run('begin exclusive')

      await expectAllToTimeOut(() => [...allWrites(storage), notes(storage.db)])
      await other.run('commit')

      const { attempted, acknowledged } = await writeAll(storage)
      expect(acknowledged).toBe(attempted)
      expect(await notes(storage.db)).toHaveLength(acknowledged)
      expect(await storedNotes(path)).toBe(acknowledged)
    },
  },
  {
    name: 'a process with locking_mode=EXCLUSIVE: opening ends at the budget, and works once that process is gone',
    async run({ open, path }) {
      await stranger(
        path,
        'pragma journal_mode = wal',
        'create table note (id integer primary key, text text)',
      )
      const other = openStranger(path)
      await other.run('pragma locking_mode = exclusive', "insert into note (text) values ('theirs')")

      await expectAllToTimeOut(() => [open({ lockTimeoutMs: budgetMs })])
      await other.kill()

      const storage = await open({ lockTimeoutMs: budgetMs })
      expect(await notes(storage.db)).toEqual(['theirs'])
      const { attempted, acknowledged } = await writeAll(storage)
      expect(acknowledged).toBe(attempted)
      expect(await storedNotes(path)).toBe(acknowledged + 1)
    },
  },
  {
    name: 'a process is killed while it has the write lock: waiting writes go through at once, its rows are not there',
    async run({ open, path }) {
      const storage = await open()
      await createNotes(storage)
      const other = openStranger(path)
      // More than the page cache, so that some of it is in the WAL already.
      await other.run(
        'pragma cache_size = 10',
        'begin immediate',
        `insert into note (text) with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
          select hex(randomblob(500)) from n`,
      )
      let written = 0
      const pending = writeKinds.flatMap(({ rows, start }) =>
        start(storage).map(async (promise) => {
          await promise
          written += rows
        }),
      )
      expect(await notes(storage.db)).toEqual([])
      expect(written).toBe(0)

      await other.kill()
      const killedAtMs = performance.now()
      await Promise.all(pending)

      // The budget is 30 s.
      expect(performance.now() - killedAtMs).toBeLessThan(2_000)
      expect(await storedNotes(path)).toBe(written)
    },
  },
  {
    name: 'a process is killed in a read transaction: it pins the WAL no longer',
    async run({ open, path }) {
      const storage = await open()
      await createNotes(storage)
      const other = openStranger(path)
      await other.run('begin', 'select count(*) from note')
      const { acknowledged } = await writeAll(storage)
      const truncate = async (): Promise<unknown> => {
        const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(storage.db)
        return rows[0]?.busy
      }
      expect(await truncate()).toBe(1)

      await other.kill()

      expect(await truncate()).toBe(0)
      expect(await storedNotes(path)).toBe(acknowledged)
      expect((await writeAll(storage)).errors).toEqual([])
    },
  },
])
