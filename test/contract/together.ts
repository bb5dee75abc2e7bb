/**
 * Writes that certainly wait together: the writer is held until all of them are in the queue. Each counts a row of its
 * own up, so a write that ran twice, or not at all, shows.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import type { AnyDatabase, CaseContext } from './case.ts'
import { run } from './run-sql.ts'

type AnyStorage = Storage<AnyDatabase>

export interface Counters {
  readonly storage: AnyStorage
  /** Counts one row up, through `storage.db` or a handle with other options. */
  add(id: number, db?: AnyStorage['db']): Promise<unknown>
  /** What the rows 0 to 9 stand at. */
  counts(): Promise<number[]>
}

/**
 * Opens a storage with the table `counter`: ten rows that stand at 0. Its clock stands still, unless another is given: a
 * group ends after 5 ms, and how much fits into them is no matter here.
 */
export async function openCounters(
  { open }: Pick<CaseContext, 'open'>,
  options?: Parameters<CaseContext['open']>[0],
  ...setup: readonly string[]
): Promise<Counters> {
  const storage = await open({ clock: testClock(), ...options })
  await run(
    storage.db,
    'create table counter (id integer primary key, n integer not null)',
    `insert into counter (id, n) select value, 0 from json_each('[0,1,2,3,4,5,6,7,8,9]')`,
    ...setup,
  )
  return {
    storage,
    add: (id, db = storage.db) =>
      db.updateTable('counter').set({ n: sql`n + 1` }).where('id', '=', id).execute(),
    async counts() {
      const rows = await storage.db.selectFrom('counter').select('n').orderBy('id').execute()
      return rows.map(({ n }) => n)
    },
  }
}

export interface TogetherReport {
  readonly settled: readonly PromiseSettledResult<unknown>[]
  /** Lock cycles after the one of the holder. */
  readonly lockCycles: number
}

/**
 * Holds the writer, makes the writes one after the other, and lets go once each waits in the queue, or has failed before.
 *
 * @param whileHeld Runs when all wait.
 */
export async function together(
  storage: AnyStorage,
  writes: readonly (() => Promise<unknown>)[],
  whileHeld: () => unknown = () => {},
): Promise<TogetherReport> {
  const held = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const holding = storage.write(async () => {
    held.resolve()
    await gate.promise
  })
  await held.promise
  const before = storage.stats().lockCycles
  const settling: Promise<PromiseSettledResult<unknown>>[] = []
  for (const write of writes) {
    const { queuedWrites } = storage.stats()
    let isOver = false
    const writing = write().finally(() => {
      isOver = true
    })
    settling.push(Promise.allSettled([writing]).then(([settled]) => settled))
    await until(() => isOver || storage.stats().queuedWrites > queuedWrites)
  }
  await whileHeld()
  gate.resolve()
  await holding
  const settled = await Promise.all(settling)
  return { settled, lockCycles: storage.stats().lockCycles - before }
}

/** Looks at every turn of the event loop until it holds; fails after 10 s. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 10_000; !(await holds()); ) {
    if (performance.now() > endMs) throw new Error(`It did not become true within 10 s: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** Whether the error of a call tells in which file it was made; on Bun only a plain `await` keeps that. */
export async function expectCaller(file: string, call: () => Promise<void>): Promise<void> {
  let stack: string | undefined
  try {
    await call()
  } catch (error) {
    stack = (error as Error).stack
  }
  expect(stack).toContain(file)
}
