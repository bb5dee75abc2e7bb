/** BEGIN, COMMIT, ROLLBACK and SAVEPOINT as raw SQL: inside `db.connection()`, which owns them, and elsewhere. */
import { TransactionControlError } from 'unbusy'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { run } from './run-sql.ts'

const cases: ContractCase[] = [
  {
    name: 'raw BEGIN and COMMIT inside connection() are a transaction',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        expect(await peer('select text from note')).toEqual([])
        await run(connection, 'commit')
        expect(await peer('select text from note')).toEqual([{ text: 'a' }])
      })
    },
  },
  {
    name: 'C2 raw BEGIN inside connection() takes the write lock at once, whatever mode it names',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      for (const begin of ['begin', 'BEGIN DEFERRED', 'begin immediate transaction', 'begin exclusive']) {
        await db.connection().execute(async (connection) => {
          await run(connection, begin)
          const taking = peer('pragma busy_timeout = 0', 'begin immediate')
          await expect(taking, begin).rejects.toThrow('database is locked')
          await run(connection, 'end')
        })
      }
    },
  },
  {
    name: 'raw ROLLBACK inside connection() undoes, and the connection goes on',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        await run(connection, 'rollback')
        await addNote(connection, 'b')
      })
      expect(await notes(db)).toEqual(['b'])
    },
  },
  {
    name: 'raw SAVEPOINT inside connection() begins a transaction that its RELEASE commits, as in SQLite',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      await db.connection().execute(async (connection) => {
        await run(connection, 'savepoint outermost')
        await addNote(connection, 'a')
        await run(connection, 'savepoint inner')
        await addNote(connection, 'b')
        await run(connection, 'rollback to inner', 'release INNER')
        expect(await peer('select text from note')).toEqual([])
        await run(connection, 'release outermost')
        expect(await peer('select text from note')).toEqual([{ text: 'a' }])
      })
      expect(await notes(db)).toEqual(['a'])
    },
  },
  {
    name: 'raw SAVEPOINT inside a transaction is a part of it',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      await storage.write(async (trx) => {
        await addNote(trx, 'a')
        await run(trx, 'savepoint s')
        await addNote(trx, 'b')
        await run(trx, 'rollback to s', 'release s')
        await addNote(trx, 'c')
      })
      expect(await notes(storage.db)).toEqual(['a', 'c'])
    },
  },
  {
    name: 'a raw BEGIN that is left open is rolled back, and the caller is told',
    async run({ open, peer }) {
      const { db } = await open()
      await createNotes(db)
      const error = await rejection(
        db.connection().execute(async (connection) => {
          await run(connection, 'begin')
          await addNote(connection, 'a')
        }),
      )
      expect(error).toBeInstanceOf(TransactionControlError)
      expect(error.message).toContain('was still open when its connection was released, and was rolled back')
      await addNote(db, 'b')
      expect(await peer('select text from note')).toEqual([{ text: 'b' }])
    },
  },
  {
    name: 'an error of the callback is what the caller sees, even if it left a raw BEGIN open',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const mine = new Error('mine')
      const failing = db.connection().execute(async (connection) => {
        await run(connection, 'begin')
        await addNote(connection, 'a')
        throw mine
      })
      await expect(failing).rejects.toBe(mine)
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'raw COMMIT or ROLLBACK inside db.transaction(), a second BEGIN, and a COMMIT of nothing are refused',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      for (const text of ['commit', 'end', 'rollback', 'begin']) {
        const refused = storage.write((trx) => run(trx, text))
        await expect(refused, text).rejects.toThrow(TransactionControlError)
      }
      const twice = storage.db.connection().execute((connection) => run(connection, 'begin', 'begin'))
      await expect(twice).rejects.toThrow('a transaction is already open')
      const nothing = storage.db.connection().execute((connection) => run(connection, 'commit'))
      await expect(nothing).rejects.toThrow('no transaction is open')
      await addNote(storage.db, 'a')
      expect(await notes(storage.db)).toEqual(['a'])
    },
  },
]

describeContract('raw transactions', cases)
