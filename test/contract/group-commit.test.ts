/**
 * Writes that wait together share one lock cycle, and each promise resolves after its commit (contract C5).
 *
 * @module
 */
import { sql } from 'kysely'
import { expect } from 'vitest'
import { type CaseContext, type ContractCase, describeContract } from './case.ts'
import { foreignHandle } from './foreign-handle.ts'
import { addNote, createNotes, notes } from './note.ts'
import { openCounters, together, until } from './together.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const cases: ContractCase[] = [
  {
    name: 'C5 a thousand inserts at once take a few lock cycles, and keep their order',
    async run({ open, peer }) {
      const storage = await open()
      await createNotes(storage.db)
      const before = storage.stats()

      await Promise.all(numbers(1_000).map((index) => addNote(storage.db, `${index}`)))

      const { lockCycles, lockAttempts, largestGroup } = storage.stats()
      // The first runs at once; the others in groups of up to 512 statements or 5 ms, whichever ends first.
      expect(lockCycles - before.lockCycles).toBeLessThanOrEqual(100)
      expect(lockAttempts - before.lockAttempts).toBe(lockCycles - before.lockCycles)
      expect(largestGroup).toBeGreaterThan(10)
      expect(largestGroup).toBeLessThanOrEqual(512)
      expect(await notes(storage.db)).toEqual(numbers(1_000).map(String))
      expect(await peer('select count(*) as n from note')).toEqual([{ n: 1_000 }])
    },
  },
  {
    name: 'C5 while another process holds the lock the queue grows, not the attempts',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const attempts = async (count: number): Promise<{ attempts: number; cycles: number }> => {
        await using lock = await holdLock(20_000)
        const before = storage.stats()
        const writes = numbers(count).map((index) => addNote(storage.db, `${count} ${index}`))
        await until(() => storage.stats().lockAttempts - before.lockAttempts >= 20)
        const { lockAttempts, lockCycles, queuedWrites } = storage.stats()
        expect([lockCycles - before.lockCycles, queuedWrites]).toEqual([0, count])
        await lock.release()
        await Promise.all(writes)
        return {
          attempts: lockAttempts - before.lockAttempts,
          cycles: storage.stats().lockCycles - before.lockCycles,
        }
      }

      const [one, many] = [await attempts(1), await attempts(1_000)]

      // Looked at once a millisecond: a poller for each of the thousand callers would have tried thousands of times.
      expect(one.cycles).toBe(1)
      expect(one.attempts).toBeLessThan(60)
      expect(many.attempts).toBeLessThan(60)
      expect(many.cycles).toBeLessThan(50)
      expect(await notes(storage.db)).toEqual(['1 0', ...numbers(1_000).map((index) => `1000 ${index}`)])
    },
  },
  {
    name: 'C5 one lock cycle for all that waited, where they fit into one transaction',
    async run(context) {
      const { storage, add, counts } = await openCounters(context)

      const { lockCycles } = await together(
        storage,
        numbers(10).map((id) => () => add(id)),
      )

      expect(lockCycles).toBe(1)
      expect(storage.stats().largestGroup).toBe(10)
      expect(await counts()).toEqual(numbers(10).map(() => 1))
    },
  },
  {
    name: 'C5 each promise resolves after its commit: a stranger sees the row at that moment',
    async run(context) {
      const { storage, add } = await openCounters(context)
      const stranger = await foreignHandle(context.connector, context.path)
      const seen: string[] = []
      // The stranger can write only where no transaction of ours is open any more, and fails if the row is not there.
      const check = async (id: number): Promise<void> => {
        await add(id)
        await stranger.run(`update counter set n = json('it was not committed') where id = ${id} and n <> 1`)
        seen.push(`${id}`)
      }

      await together(
        storage,
        numbers(10).map((id) => () => check(id)),
      )
      stranger.close()

      expect(seen).toHaveLength(10)
      expect(storage.stats().largestGroup).toBe(10)
    },
  },
  {
    name: 'C5 a group resolves in the order of its lane, its results belong to their queries',
    async run(context) {
      const { storage } = await openCounters(context)
      const order: number[] = []
      const insert = (index: number) => async (): Promise<unknown> => {
        const result = await storage.db
          .insertInto('counter')
          .values({ id: 100 + index, n: index })
          .returning(['id', 'n'])
          .executeTakeFirst()
        order.push(index)
        return result
      }

      const { settled } = await together(storage, numbers(50).map(insert))

      expect(order).toEqual(numbers(50))
      expect(settled.map((it) => it.status === 'fulfilled' && it.value)).toEqual(
        numbers(50).map((index) => ({ id: 100 + index, n: index })),
      )
    },
  },
  {
    name: 'C5 insertId and numAffectedRows are those of each write of the group',
    async run(context) {
      const { storage, add } = await openCounters(context, {}, 'create table log (id integer primary key, n)')
      const { db } = storage

      const { settled } = await together(storage, [
        () => db.insertInto('log').values({ id: 7, n: 0 }).executeTakeFirst(),
        () => add(1),
        () =>
          db
            .insertInto('log')
            .values([{ n: 1 }, { n: 2 }])
            .executeTakeFirst(),
        () => db.updateTable('counter').set({ n: 5 }).where('id', '<', 4).executeTakeFirst(),
        () => db.deleteFrom('log').where('id', '=', 99).executeTakeFirst(),
      ])

      const values = settled.map((it) => (it.status === 'fulfilled' ? it.value : it.reason))
      expect(values[0]).toMatchObject({ insertId: 7n, numInsertedOrUpdatedRows: 1n })
      expect(values[2]).toMatchObject({ insertId: 9n, numInsertedOrUpdatedRows: 2n })
      expect(values[3]).toMatchObject({ numUpdatedRows: 4n })
      expect(values[4]).toMatchObject({ numDeletedRows: 0n })
    },
  },
  {
    name: 'C5 a write that is made when its neighbour resolves joins the next group, not a cycle of its own',
    async run(context) {
      const { storage, add, counts } = await openCounters(context)
      const chain = (id: number) => async (): Promise<void> => {
        for (let step = 0; step < 20; step++) await add(id)
      }

      const { lockCycles } = await together(storage, numbers(10).map(chain))

      expect(await counts()).toEqual(numbers(10).map(() => 20))
      expect(lockCycles).toBeLessThanOrEqual(40)
    },
  },
  {
    name: 'C5 a lone write, and a chain of lone writes, cost one cycle each and no waiting',
    async run(context) {
      const { storage, add, counts } = await openCounters(context)
      const before = storage.stats()

      for (const id of numbers(10)) await add(id)

      const { lockCycles, lockAttempts } = storage.stats()
      expect([lockCycles - before.lockCycles, lockAttempts - before.lockAttempts]).toEqual([10, 10])
      expect(await counts()).toEqual(numbers(10).map(() => 1))
    },
  },
  {
    name: 'C5 group commit works in a rollback journal and in memory as well',
    async run(context) {
      const rollbackJournal = await openCounters(context, { pragmas: { journal_mode: 'delete' } })
      const inMemory = await openCounters({ open: context.openInMemory } satisfies Pick<CaseContext, 'open'>)

      for (const { storage, add, counts } of [rollbackJournal, inMemory]) {
        const { lockCycles } = await together(storage, [
          ...numbers(10).map((id) => () => add(id)),
          () => sql`insert into counter values (1, 1)`.execute(storage.db).catch(() => {}),
        ])
        expect(await counts()).toEqual(numbers(10).map(() => 1))
        expect([lockCycles, storage.stats().largestGroup]).toEqual([1, 11])
      }
    },
  },
]

describeContract('Group commit', cases)
