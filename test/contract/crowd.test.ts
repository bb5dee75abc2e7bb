/**
 * Many callers at once: what the queue costs must grow with their number, not with its square.
 *
 * @runs-alone it measures how time grows
 * @module
 */
import { Kysely } from 'kysely'
import { type Storage, StorageClosedError, UnbusyDialect } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { connectorTo } from './matrix.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

let id = 0

/** Milliseconds that so many concurrent calls take. */
async function timed(count: number, call: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await Promise.all(Array.from({ length: count }, call))
  return performance.now() - startMs
}

/**
 * How much longer eight times as many calls take: 8 is linear, 64 is quadratic, and a crowd is less at home in the
 * processor's caches. The best of several runs counts, as
 * another process can only make one slower.
 */
async function growth(count: number, call: () => Promise<unknown>): Promise<number> {
  await timed(count / 8, call)
  let few = Number.POSITIVE_INFINITY
  let many = Number.POSITIVE_INFINITY
  for (let run = 0; run < 4 && !(many / few < 12); run++) {
    few = Math.min(few, await timed(count / 8, call))
    many = Math.min(many, await timed(count, call))
  }
  return many / few
}

function write({ db }: Pick<Storage<AnyDatabase>, 'db'>): () => Promise<unknown> {
  return () => addNote(db, `${id++}`)
}

/** A transaction that keeps the writer. */
async function hold(
  storage: Storage<AnyDatabase>,
): Promise<{ release(): void; readonly ended: Promise<void> }> {
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const ended = storage.write(() => {
    begun.resolve()
    return gate.promise
  })
  await begun.promise
  return { release: gate.resolve, ended }
}

describeContract('crowd', [
  {
    name: 'C11 10,000 concurrent writers: every row is there, in the order of the calls, and time grows linearly',
    timeoutMs: 60_000,
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const first = id

      expect(await growth(10_000, write(storage))).toBeLessThan(32)

      const texts = await notes(storage.db)
      expect(texts.length).toBe(id - first)
      expect(texts).toEqual(Array.from(texts, (_, index) => `${first + index}`))
    },
  },
  {
    name: 'C11 so it does with 5,000 on a plain Kysely with UnbusyDialect',
    timeoutMs: 60_000,
    async run({ connector, path }) {
      const dialect = new UnbusyDialect({
        connector: await connectorTo(connector, path),
        onWarning: () => {},
      })
      const db = new Kysely<AnyDatabase>({ dialect })
      try {
        await createNotes(db)

        expect(await growth(5_000, write({ db }))).toBeLessThan(32)
      } finally {
        await db.destroy()
      }
    },
  },
  {
    name: 'C11 5,000 concurrent readers: time grows linearly',
    timeoutMs: 60_000,
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db, 'a')

      expect(await growth(5_000, () => notes(storage.db))).toBeLessThan(32)
    },
  },
  {
    name: 'C3 2,000 writes with a deadline of their own behind a held writer all end in time',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const holder = await hold(storage)

      const startMs = performance.now()
      const settled = await Promise.allSettled(
        Array.from({ length: 2_000 }, (_, index) =>
          storage.write(async () => {}, { lockTimeoutMs: 200 + (index % 100) }),
        ),
      )

      expect(performance.now() - startMs).toBeLessThan(10_000)
      const names = settled.map((result) => 'reason' in result && result.reason.name)
      expect(new Set(names)).toEqual(new Set(['LockTimeoutError']))
      holder.release()
      await holder.ended
    },
  },
  {
    name: 'C15 close() gives up 5,000 queued writes at once',
    async run({ open }) {
      const storage = await open({ drainTimeoutMs: 100 })
      await createNotes(storage.db)
      const holder = await hold(storage)
      const refused = Promise.allSettled(Array.from({ length: 5_000 }, write(storage)))
      const revoked = rejection(holder.ended)

      const startMs = performance.now()
      const report = await storage.close()

      expect(performance.now() - startMs).toBeLessThan(10_000)
      expect(report).toMatchObject({ rejectedWrites: 5_000, revokedTransactions: 1 })
      const reasons = (await refused).map((result) => ('reason' in result ? result.reason : undefined))
      expect(reasons.every((reason) => reason instanceof StorageClosedError)).toBe(true)
      // One error for all of them would hold the frames of each, and take the square of their number to make.
      expect(reasons[0].stack.split('\n').length).toBeLessThan(300)
      holder.release()
      expect(await revoked).toBeInstanceOf(StorageClosedError)
    },
  },
])
