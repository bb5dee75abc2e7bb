import { FlushTimeoutError, OuterWriteError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { connectorTo } from './matrix.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

const sentence =
  /^Cannot write through the outer db inside a transaction .* use the transaction itself \(trx\)/

describeContract('outer writes', [
  {
    name: 'C11 an awaited outer write inside a transaction rejects within 1 to 3 s, and names the mistake',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const startedAt = performance.now()

      const error = await rejection(
        db.transaction().execute(async (trx) => {
          await addNote(trx, 'inner')
          await addNote(db, 'outer')
        }),
      )

      expect(error).toBeInstanceOf(OuterWriteError)
      expect(error.message).toMatch(sentence)
      expect(performance.now() - startedAt).toBeGreaterThan(900)
      expect(performance.now() - startedAt).toBeLessThan(3_000)
      await addNote(db, 'after')
      expect(await notes(db)).toEqual(['after'])
    },
  },
  {
    name: 'C11 an outer transaction inside a transaction is the same mistake, and the inner one can go on after it',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock })
      await createNotes(db)

      await db.transaction().execute(async (trx) => {
        const outer = rejection(db.transaction().execute((inner) => addNote(inner, 'outer')))
        await clock.advance(1_000)
        expect(await outer).toBeInstanceOf(OuterWriteError)
        await addNote(trx, 'inner')
      })

      expect(await notes(db)).toEqual(['inner'])
    },
  },
  {
    name: 'C11 a flush that is awaited inside a transaction says so when its time is over, and one that is not is made after it',
    async run({ open }) {
      const storage = await open()
      const { db } = storage
      await createNotes(db)
      const added = storage.append({ table: 'note' })
      let flushed: Promise<void> | undefined

      await db.transaction().execute(async (trx) => {
        added.push({ text: 'outer' })
        flushed = added.flush()
        const error = await rejection(storage.flush({ timeoutMs: 50 }))
        expect(error).toBeInstanceOf(FlushTimeoutError)
        expect(error.message).toContain('A transaction around this call has the writer')
        await addNote(trx, 'inner')
      })

      await flushed
      expect(await notes(db)).toEqual(['inner', 'outer'])
    },
  },
  {
    name: 'C11 an outer write that is not awaited is written after the transaction',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let outer: Promise<void> | undefined

      await db.transaction().execute(async (trx) => {
        outer = addNote(db, 'outer')
        await addNote(trx, 'inner')
      })
      await outer

      expect(await notes(db)).toEqual(['inner', 'outer'])
    },
  },
  {
    name: 'C11 an outer write just waits as long as the transaction keeps working',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock })
      await createNotes(db)
      let outer: Promise<void> | undefined

      await db.transaction().execute(async (trx) => {
        outer = addNote(db, 'outer')
        for (let index = 0; index < 10; index++) {
          await clock.advance(900)
          await addNote(trx, `inner ${index}`)
        }
      })
      await outer

      expect(await notes(db)).toHaveLength(11)
    },
  },
  {
    name: 'C11 what a finished transaction left behind does not count as inside of the next one',
    async run({ open }) {
      const clock = testClock()
      const storage = await open({ clock })
      const { db } = storage
      await createNotes(db)
      let fire = (): void => {}
      let leftBehind: Promise<void> | undefined
      await db.transaction().execute(async () => {
        leftBehind = new Promise<void>((resolve) => {
          fire = resolve
        }).then(() => addNote(db, 'left behind'))
      })

      await db.transaction().execute(async (trx) => {
        await addNote(trx, 'second')
        fire()
        await clock.advance(5_000)
        expect(storage.stats().queuedWrites).toBe(1)
      })
      await leftBehind

      expect(await notes(db)).toEqual(['second', 'left behind'])
    },
  },
  {
    name: 'C11 the context of a transaction does not leak into its caller',
    async run({ open }) {
      const clock = testClock()
      const storage = await open({ clock })
      const { db } = storage
      await createNotes(db)
      await db.transaction().execute((trx) => addNote(trx, 'first'))
      const controlled = await db.startTransaction().execute()
      await addNote(controlled, 'controlled')

      // Not inside of anything, so it waits for the lock budget, not for the grace of an outer write.
      const waiting = addNote(db, 'waiting')
      await clock.advance(20_000)
      expect(storage.stats().queuedWrites).toBe(1)
      await controlled.commit().execute()
      await waiting

      expect(await notes(db)).toEqual(['first', 'controlled', 'waiting'])
    },
  },
  {
    name: 'C11 where the runtime carries no context, the lock budget ends the wait of an awaited outer write',
    async run({ open, connector, path }) {
      const clock = testClock()
      const { context: _, ...withoutContext } = await connectorTo(connector, path)
      const { db } = await open({ connector: withoutContext, clock, lockTimeoutMs: 4_000 })
      await createNotes(db)

      await db.transaction().execute(async (trx) => {
        const outer = rejection(addNote(db, 'outer'))
        await clock.advance(4_000)
        expect(await outer).toMatchObject({ name: 'LockTimeoutError', nothingRan: true })
        await addNote(trx, 'inner')
      })

      expect(await notes(db)).toEqual(['inner'])
    },
  },
  {
    name: 'C11 an outer write in a controlled transaction ends with the lock budget, and the error names the holder',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock, lockTimeoutMs: 4_000 })
      await createNotes(db)
      const trx = await db.startTransaction().execute()
      await addNote(trx, 'inner')

      const outer = rejection(addNote(db, 'outer'))
      await clock.advance(4_000)

      expect(await outer).toMatchObject({ name: 'LockTimeoutError', attempts: 0, nothingRan: true })
      expect((await outer).message).toMatch(
        /^A transaction of this process has held the writer for 4000 ms, idle for the last 4000 ms/,
      )
      await trx.commit().execute()
      expect(await notes(db)).toEqual(['inner'])
    },
  },
  {
    name: 'C11 an outer read inside a transaction sees what is committed',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db, 'committed')

      const seen = await db.transaction().execute(async (trx) => {
        await addNote(trx, 'inner')
        return notes(db)
      })

      expect(seen).toEqual(['committed'])
    },
  },
  {
    name: 'C11 an awaited outer read inside a transaction on :memory: rejects with a sentence of its own',
    async run({ openInMemory }) {
      const clock = testClock()
      const { db } = await openInMemory({ clock })
      await createNotes(db)

      await db.transaction().execute(async (trx) => {
        const outer = rejection(notes(db))
        await clock.advance(1_000)
        expect(await outer).toBeInstanceOf(OuterWriteError)
        expect((await outer).message).toMatch(/^Cannot read through the outer db inside a transaction here/)
        await addNote(trx, 'inner')
      })

      expect(await notes(db)).toEqual(['inner'])
    },
  },
])
