/**
 * Queries beside a `connection()` and on its own handle, which wait for it or are a named mistake.
 *
 * @module
 */
import type { Kysely } from 'kysely'
import { OuterWriteError } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { type AnyDatabase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'

describeContract('outer queries', [
  {
    name: 'C11 an awaited outer write inside connection() is a mistake from its first write on, not before',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock })
      await createNotes(db)

      await db.connection().execute(async (connection) => {
        await notes(connection)
        await addNote(db, 'outer before')
        await addNote(connection, 'inner')
        const outer = rejection(addNote(db, 'outer after'))
        await clock.advance(1_000)
        expect(await outer).toBeInstanceOf(OuterWriteError)
      })

      expect(await notes(db)).toEqual(['outer before', 'inner'])
    },
  },
  {
    name: 'C11 an awaited query on a connection() inside its own transaction rejects, and names the mistake',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock })
      await createNotes(db, 'first')
      const inTransactionOf = async (
        handle: Kysely<AnyDatabase>,
        isReadOnly: boolean,
        mistake: (handle: Kysely<AnyDatabase>) => Promise<unknown>,
      ): Promise<Error> => {
        const builder = handle.transaction()
        const chosen = isReadOnly ? builder.setAccessMode('read only') : builder
        return chosen.execute(async (trx) => {
          await notes(trx)
          const rejected = rejection(mistake(handle))
          await clock.advance(1_000)
          return rejected
        })
      }

      await db.connection().execute(async (connection) => {
        for (const isReadOnly of [false, true]) {
          for (const mistake of [
            notes,
            (handle: Kysely<AnyDatabase>) => addNote(handle, 'never'),
            (handle: Kysely<AnyDatabase>) => handle.transaction().execute(notes),
          ]) {
            const error = await inTransactionOf(connection, isReadOnly, mistake)
            expect(error).toBeInstanceOf(OuterWriteError)
            expect(error.message).toMatch(/^Cannot use the connection inside a transaction of its own/)
          }
        }
        await addNote(connection, 'after')
      })

      expect(await notes(db)).toEqual(['first', 'after'])
    },
  },
  {
    name: 'C11 a query on a connection() beside its transaction waits for it',
    async run({ open }) {
      const clock = testClock()
      const { db } = await open({ clock })
      await createNotes(db)

      await db.connection().execute(async (connection) => {
        let inside: Promise<void> | undefined
        const transaction = connection.transaction().execute(async (trx) => {
          inside = addNote(connection, 'not awaited')
          await clock.advance(900)
          await addNote(trx, 'in the transaction')
          await clock.advance(900)
        })
        const beside = addNote(connection, 'beside')
        await Promise.all([transaction, beside])
        await inside
      })

      expect(await notes(db)).toEqual(['in the transaction', 'beside', 'not awaited'])
    },
  },
])
