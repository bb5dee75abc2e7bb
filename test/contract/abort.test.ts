/**
 * C3: an AbortSignal ends the wait for the lock, until BEGIN.
 *
 * @runs-alone it measures how soon a wait ends
 */
import { sql } from 'kysely'
import { expect, vi } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

const cases: ContractCase[] = [
  {
    name: 'C3 an abort ends the wait at once, at the head of the queue and behind it, and nothing is written',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      await using lock = await context.holdLock(20_000)
      const controller = new AbortController()
      const { signal } = controller
      const reason = new Error('the client has left')
      const insert = (text: string): Promise<unknown> =>
        storage.db.insertInto('note').values({ text }).execute({ signal })
      const failures = Promise.all(
        [
          storage.write((trx) => addNote(trx, 'at the head'), { signal }),
          insert('behind'),
          storage.write((trx) => addNote(trx, 'behind'), { signal }),
          sql`insert into note (text) values ('raw')`.execute(storage.db, { signal }),
        ].map(rejection),
      )
      // By then the head has asked for the lock.
      await notes(storage.db)
      const startMs = performance.now()
      controller.abort(reason)
      expect(await failures).toEqual([reason, reason, reason, reason])
      expect(performance.now() - startMs).toBeLessThan(2_000)

      const head = new AbortController()
      const aborted = rejection(
        storage.db.insertInto('note').values({ text: 'head' }).execute({ signal: head.signal }),
      )
      await notes(storage.db)
      head.abort(reason)
      expect(await aborted).toBe(reason)

      await lock.release()
      await addNote(storage.db, 'later')
      await storage.close()
      expect(await context.peer('select text from note')).toEqual([{ text: 'later' }])
    },
  },
  {
    name: 'C3 an abort ends the wait of a stream, and is not printed as a failure in the background',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      await using lock = await context.holdLock(20_000)
      const controller = new AbortController()
      const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
      const insert = storage.db.insertInto('note').values({ text: 'streamed' }).returning('text')
      const streaming = rejection(insert.stream({ signal: controller.signal }).next())
      await notes(storage.db)

      const reason = new Error('the client has left')
      controller.abort(reason)
      expect(await streaming).toBe(reason)
      await lock.release()
      await addNote(storage.db, 'later')

      expect(await context.peer('select text from note')).toEqual([{ text: 'later' }])
      expect(printed.mock.calls).toEqual([])
      printed.mockRestore()
    },
  },
  {
    name: 'C3 a signal that is aborted already: nothing runs, with the lock free or not',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      const reason = new Error('too late')
      const signal = AbortSignal.abort(reason)
      let calls = 0
      const write = storage.write(
        async () => {
          calls++
        },
        { signal },
      )
      expect(await rejection(write)).toBe(reason)
      const insert = storage.db.insertInto('note').values({ text: 'a' })
      expect(await rejection(insert.execute({ signal }))).toBe(reason)
      expect(calls).toBe(0)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C3 after BEGIN an abort has no effect: the transaction goes on and commits',
    async run(context) {
      const storage = await context.open()
      await createNotes(storage.db)
      const controller = new AbortController()
      await storage.write(
        async (trx) => {
          await addNote(trx, 'before')
          controller.abort(new Error('too late'))
          await addNote(trx, 'after')
        },
        { signal: controller.signal },
      )
      expect(await context.peer('select text from note')).toEqual([{ text: 'before' }, { text: 'after' }])
    },
  },
]

describeContract('aborted waits', cases)
