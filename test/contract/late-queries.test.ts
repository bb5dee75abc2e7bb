/**
 * Queries that nobody awaited, and that come when their transaction or connection is about to end or has ended: either
 * they are part of it, or they are refused; none commits by itself.
 *
 * @module
 */
import { Kysely, sql, type Transaction } from 'kysely'
import { UnbusyDialect } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { connectorTo } from './matrix.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

/** Starts that many inserts at once, and answers later which of them resolved. */
function insertMany(db: Kysely<AnyDatabase>, count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `text ${index}`)
  const inserts = texts.map((text) =>
    addNote(db, text).then(
      () => [text],
      () => [],
    ),
  )
  return Promise.all(inserts).then((resolved) => resolved.flat())
}

describeContract('late queries', [
  {
    name: 'C10 of inserts that a transaction did not await, just those are stored that resolved',
    async run({ open, connector, path }) {
      const { db } = await open()
      await createNotes(db)
      await using plain = new Kysely<AnyDatabase>({
        dialect: new UnbusyDialect({ connector: await connectorTo(connector, path), onWarning: () => {} }),
      })

      for (const each of [db, plain]) {
        let inserted: Promise<string[]> | undefined
        await each.transaction().execute(async (trx) => {
          inserted = insertMany(trx, 50)
        })
        expect(await notes(db)).toEqual(await inserted)
        await sql`delete from note`.execute(db)
      }
    },
  },
  {
    name: 'C10 of inserts that a rolled back transaction did not await, none is stored',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let inserted: Promise<string[]> | undefined

      await rejection(
        db.transaction().execute(async (trx) => {
          inserted = insertMany(trx, 50)
          throw new Error('rolled back')
        }),
      )
      await inserted

      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'C10 a handle of a transaction that is over refuses every query',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let left: Transaction<AnyDatabase> | undefined
      await db.transaction().execute(async (trx) => {
        left = trx
      })

      expect((await rejection(Promise.resolve().then(() => addNote(left as never, 'late')))).message).toMatch(
        /already committed/,
      )
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'C11 a write that connection() did not await is written, and the writer is free after it',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let late: Promise<void> | undefined

      await db.connection().execute(async (connection) => {
        late = addNote(connection, 'late')
      })
      await late
      await addNote(db, 'after')

      expect(await notes(db)).toEqual(['late', 'after'])
    },
  },
  {
    name: 'C11 a handle of a connection() that is over refuses every query, and takes no writer',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      let left: Kysely<AnyDatabase> | undefined
      await db.connection().execute(async (connection) => {
        left = connection
      })

      const refused = {
        name: 'TransactionEndedError',
        message: expect.stringMatching(/^Cannot run the query as its transaction or connection is over/),
      }
      const over = left as unknown as Kysely<AnyDatabase>
      expect(await rejection(addNote(over, 'late'))).toMatchObject(refused)
      const transaction = over.transaction().execute((trx) => addNote(trx, 'later'))
      expect(await rejection(transaction)).toMatchObject(refused)
      const reading = over.transaction().setAccessMode('read only').execute(notes)
      expect(await rejection(reading)).toMatchObject(refused)
      expect(await rejection(over.startTransaction().execute())).toMatchObject(refused)
      await addNote(db, 'after')
      expect(await notes(db)).toEqual(['after'])
    },
  },
  {
    name: 'C10 a transaction that outlives its connection() is rolled back, and its COMMIT says so',
    async run({ open }) {
      const { db } = await open()
      await createNotes(db)
      const refused = {
        name: 'TransactionEndedError',
        message: expect.stringMatching(/^Cannot commit the transaction as its connection is over/),
      }

      const goOn = Promise.withResolvers<void>()
      let running: Promise<Error> | undefined
      await db.connection().execute(async (connection) => {
        const hasWritten = Promise.withResolvers<void>()
        running = rejection(
          connection.transaction().execute(async (trx) => {
            await addNote(trx, 'of a callback')
            hasWritten.resolve()
            await goOn.promise
          }),
        )
        await hasWritten.promise
      })
      goOn.resolve()
      expect(await running).toMatchObject(refused)

      const left = await db.connection().execute(async (connection) => {
        const begun = await connection.startTransaction().execute()
        await addNote(begun, 'controlled')
        return begun
      })
      expect(await rejection(left.commit().execute())).toMatchObject(refused)
      expect(await notes(db)).toEqual([])
    },
  },
])
