/**
 * What a Storage offers beside its `db`: write(), backup(), shareStorage(), and several of them on one file.
 *
 * @module
 */
import { ConfigError, LockTimeoutError, shareStorage } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

describeContract('storage', [
  {
    name: 'C3 write() takes its own lockTimeoutMs and signal, and answers what the callback returned',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      expect(await storage.write(async (trx) => addNote(trx, 'a').then(() => 'result'))).toBe('result')
      await using lock = await holdLock(20_000)
      let runs = 0
      const write = (options: Parameters<typeof storage.write>[1]): Promise<Error> =>
        rejection(storage.write(async () => runs++, options))

      const [late, aborted] = await Promise.all([
        write({ lockTimeoutMs: 100 }),
        write({ signal: AbortSignal.timeout(100) }),
      ])

      expect(late).toBeInstanceOf(LockTimeoutError)
      expect((late as LockTimeoutError).waitedMs).toBeGreaterThanOrEqual(100)
      expect(aborted.name).toBe('TimeoutError')
      expect(runs).toBe(0)
      await lock.release()
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
  {
    name: 'write() rejects a lockTimeoutMs that is none, and keeps nothing',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)

      for (const lockTimeoutMs of [-1, Number.NaN, '5' as unknown as number]) {
        expect(await rejection(storage.write(async () => {}, { lockTimeoutMs }))).toBeInstanceOf(RangeError)
      }

      await storage.write((trx) => addNote(trx, 'a'))
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
  {
    name: 'write() rolls back when its callback throws, and passes the error on',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const mistake = new Error('on purpose')

      const error = await rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'undone')
          throw mistake
        }),
      )

      expect(error).toBe(mistake)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'backup() writes a copy that another process can open, while a lock is held, and refuses to overwrite',
    async run({ open, holdLock, path, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'a', 'b')
      const copy = `${path} it's a copy.db`

      {
        await using _ = await holdLock(20_000)
        await storage.backup(copy)
      }

      const quoted = copy.replaceAll("'", "''")
      expect(await peer(`attach '${quoted}' as copy`, 'select text from copy.note order by id')).toEqual([
        { text: 'a' },
        { text: 'b' },
      ])
      expect(await rejection(storage.backup(copy))).toMatchObject({ name: 'SqliteError' })
      const { writeFile } = await import('node:fs/promises')
      await writeFile(`${path}.text`, 'This is no database, but a text. '.repeat(20))
      const error = await rejection(storage.backup(`${path}.text`))
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toContain('there is a file already')
    },
  },
  {
    name: 'backup() reads its path as that of a database, and refuses one that is not of a file',
    async run({ open, path, peer }) {
      const storage = await open()
      await createNotes(storage.db, 'a')

      await storage.backup(`file:${path}%20copy.db`)

      expect(await peer(`attach '${path} copy.db' as copy`, 'select text from copy.note')).toEqual([
        { text: 'a' },
      ])
      for (const bad of ['', ':memory:', 'file::memory:', 'libsql://example.com', 'file:a.db?mode=ro']) {
        const error = await rejection(storage.backup(bad))
        expect(error).toBeInstanceOf(ConfigError)
        expect(error.message).toContain('the path of the backup')
      }
    },
  },
  {
    name: 'stats() tells what waits and what is open',
    async run({ open, connector }) {
      // Its clock stands still: on a busy machine the 5 ms of a group may be over after its first write.
      const storage = await open({ clock: testClock() })
      const nothingWaits = { queuedWrites: 0, queuedByLane: { control: 0, normal: 0, background: 0 } }
      const nothingRan = { lockCycles: 0, lockAttempts: 0, largestGroup: 0 }
      const wal = { bytes: 0, lastCheckpoint: undefined, pinnedBy: undefined }
      expect(storage.stats()).toEqual({ connector, ...nothingWaits, ...nothingRan, openReaders: 0, wal })
      await createNotes(storage.db)
      let inside: Promise<unknown> | undefined

      await storage.write(async () => {
        inside = Promise.all([addNote(storage.db, 'a'), addNote(storage.db, 'b')])
        expect(storage.stats()).toMatchObject({ queuedWrites: 2, queuedByLane: { normal: 2 } })
      })
      await inside

      expect(await notes(storage.db)).toEqual(['a', 'b'])
      // One for the table, one for the transaction, one for both that waited behind it.
      const figures = { lockCycles: 3, lockAttempts: 3, largestGroup: 2 }
      expect(storage.stats()).toMatchObject({ connector, ...nothingWaits, ...figures, openReaders: 1 })
    },
  },
  {
    name: 'C3 C4 two storages on one file in one process: every transaction of both is there',
    async run({ open }) {
      const storages = [await open(), await open()]
      const { db } = storages[0] as (typeof storages)[0]
      await createNotes(db, '0')

      await Promise.all(
        storages.flatMap((storage) =>
          Array.from({ length: 100 }, () =>
            storage.write(async (trx) => {
              const { text } = await trx.selectFrom('note').select('text').executeTakeFirstOrThrow()
              await trx
                .updateTable('note')
                .set({ text: `${Number(text) + 1}` })
                .execute()
            }),
          ),
        ),
      )

      expect(await notes(db)).toEqual(['200'])
    },
  },
  {
    name: 'C5 two storages on one file: what one wrote, the other reads at once, and closing one leaves the other',
    async run({ open, peer }) {
      const [one, other] = [await open(), await open()]
      await createNotes(one.db, 'a')
      expect(await notes(other.db)).toEqual(['a'])

      await one.close()
      await addNote(other.db, 'b')

      expect(await notes(other.db)).toEqual(['a', 'b'])
      await other.close()
      expect(await peer('select count(*) as n from note')).toEqual([{ n: 2 }])
    },
  },
  {
    name: 'shareStorage() opens once for two callers at once, again after a close, and again after a failure',
    async run({ open, path }) {
      let openings = 0
      let fails = true
      const share = (): ReturnType<typeof open> =>
        shareStorage(path, async () => {
          openings++
          if (fails) throw new Error('on purpose')
          return open()
        })

      expect(await rejection(share())).toMatchObject({ message: 'on purpose' })
      fails = false
      const [first, second] = await Promise.all([share(), share()])
      expect(second).toBe(first)
      expect(openings).toBe(2)
      await createNotes(first.db, 'a')
      await first.close()

      const [again, andAgain] = await Promise.all([share(), share()])

      expect(again).not.toBe(first)
      expect(andAgain).toBe(again)
      expect(openings).toBe(3)
      expect(await notes(again.db)).toEqual(['a'])
    },
  },
  {
    name: 'shareStorage() answers the same storage to a module that was loaded anew',
    async run({ open, path }) {
      const first = await shareStorage(path, () => open())
      const reloaded: { shareStorage: typeof shareStorage } = await import(
        /* @vite-ignore */ `../../src/storage/share.ts?${'reloaded'}`
      )

      expect(reloaded.shareStorage).not.toBe(shareStorage)
      expect(await reloaded.shareStorage(path, () => open())).toBe(first)
    },
  },
])
