/**
 * Two processes that close in the same moment: to each of them the other one is still there, so that neither removes the
 * `-wal`. That the other one goes without removing it is what a kill does just as well, and when the test wants it.
 *
 * @module
 */
import { type Clock, systemClock } from 'unbusy'
import { expect } from 'vitest'
import { type CaseContext, describeContract } from '../contract/case.ts'
import { databaseFiles } from '../contract/database-files.ts'
import { addNote, createNotes, nothingLost } from '../contract/note.ts'
import { openStranger, storedNotes } from './stranger.ts'

const finalizers = 'the garbage collector closes its connections'

/** Opens a storage with one note, closes it, and answers how many pauses that made; each lasts as long as `onPause`. */
async function closeCounting({ open }: CaseContext, onPause: () => Promise<void>): Promise<number> {
  let isClosing = false
  let pauses = 0
  const clock: Clock = {
    ...systemClock,
    schedule(delayMs, callback, options) {
      // All other times of a close are limits, of seconds.
      if (!isClosing || delayMs > 100) return systemClock.schedule(delayMs, callback, options)
      pauses++
      void onPause().then(callback)
      return () => {}
    },
  }
  const storage = await open({ clock })
  await createNotes(storage.db)
  await addNote(storage.db, 'kept')
  isClosing = true
  expect(await storage.close()).toEqual(nothingLost)
  return pauses
}

describeContract('the last one to close', [
  {
    name: 'C15 close() leaves one file although another process closed in the same moment',
    not: { libsql: finalizers },
    async run(context) {
      await using other = openStranger(context.path)
      await other.run('pragma journal_mode = wal', 'create table theirs (id)')

      expect(await closeCounting(context, () => other.kill())).toBe(1)

      expect(await databaseFiles(context)).toEqual(['case.db'])
      expect(await storedNotes(context.path)).toBe(1)
    },
  },
  {
    name: 'C15 a process that goes on keeps its -wal, and close() tries no more than twice to be the last',
    not: { libsql: finalizers },
    async run(context) {
      await using other = openStranger(context.path)
      await other.run('pragma journal_mode = wal', 'create table theirs (id)')

      expect(await closeCounting(context, async () => {})).toBe(2)

      expect((await databaseFiles(context)).sort()).toEqual(['case.db', 'case.db-shm', 'case.db-wal'])
      await other.run('insert into theirs values (1)')
      expect(await storedNotes(context.path)).toBe(1)
    },
  },
  {
    name: 'C15 close() does not try that while another storage of this process has the database open',
    not: { libsql: finalizers },
    async run(context) {
      const other = await context.open()
      await other.db.schema.createTable('theirs').addColumn('id', 'integer').execute()

      expect(await closeCounting(context, async () => {})).toBe(0)

      await other.close()
      expect(await databaseFiles(context)).toEqual(['case.db'])
    },
  },
])
