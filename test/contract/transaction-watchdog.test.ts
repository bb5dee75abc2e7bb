/** What becomes of a transaction that does not end: a warning, then its end, and everybody else goes on. */
import { Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import {
  ConstraintError,
  type LongTransactionEvent,
  type Storage,
  TransactionTimeoutError,
  UnbusyDialect,
} from 'unbusy'
import { holdLock, type TestClock, testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { peerCommand } from '../processes/peer.ts'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { connectorTo, runtime } from './matrix.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { run } from './run-sql.ts'

interface Watched {
  readonly storage: Storage<AnyDatabase>
  readonly clock: TestClock
  readonly warnings: { readonly message: string; readonly transaction: LongTransactionEvent | undefined }[]
}

/** A storage that warns after 100 ms and ends a transaction after 1,000 ms of a clock that stands still. */
async function openWatched(
  { open }: CaseContext,
  options: Parameters<CaseContext['open']>[0] = {},
): Promise<Watched> {
  const clock = testClock()
  const warnings: Watched['warnings'] = []
  const storage = await open({
    clock,
    transactionWarnMs: 100,
    maxTransactionMs: 1_000,
    onWarning: (message, transaction) =>
      warnings.push({ message, transaction: transaction as LongTransactionEvent | undefined }),
    ...options,
  })
  await createNotes(storage.db)
  warnings.length = 0
  return { storage, clock, warnings }
}

const forever = new Promise<never>(() => {})

const whereBegun: ContractCase = {
  name: 'C11 the error of a transaction that was ended shows where it was begun',
  async run(context) {
    const { storage, clock } = await openWatched(context)
    const begun = Promise.withResolvers<void>()
    const theFunctionThatHangs = async (): Promise<void> => {
      await storage.write(async (trx) => {
        await addNote(trx, 'stuck')
        begun.resolve()
        await forever
      })
    }

    const stuck = rejection(theFunctionThatHangs())
    await begun.promise
    await clock.advance(1_000)

    expect((await stuck).stack).toContain('theFunctionThatHangs')
  },
}

describeContract('transactions that do not end', [
  {
    name: 'C11 onWarning is told once of a transaction that is open for transactionWarnMs, without parameter values',
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context, { maxTransactionMs: Infinity })
      await storage.write((trx) => notes(trx))
      expect(clock.pending).toBe(0)

      await storage.write(async (trx) => {
        await clock.advance(40)
        await addNote(trx, 'secret')
        await clock.advance(59)
        expect(warnings).toEqual([])
        await clock.advance(1)
        expect(warnings).toHaveLength(1)
        await clock.advance(1_000_000)
      })

      expect(warnings).toEqual([
        {
          message: expect.stringMatching(
            /^unbusy: a transaction .* open for 100 ms, idle for the last 60 ms: every/,
          ),
          transaction: {
            kind: 'long-transaction',
            holds: 'writer',
            ageMs: 100,
            idleMs: 60,
            lastSql: 'insert into "note" ("text") values (?)',
            isEnded: false,
          },
        },
      ])
      expect(warnings[0]?.message).not.toContain('secret')
      expect(clock.pending).toBe(0)
    },
  },
  {
    name: 'C11 a callback that never ends is rejected and rolled back at maxTransactionMs, and the queue goes on',
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context)
      const late = Promise.withResolvers<() => Promise<unknown>>()
      const stuck = rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'stuck')
          late.resolve(() => addNote(trx, 'late'))
          await forever
        }),
      )
      const addLate = await late.promise
      const waiting = addNote(storage.db, 'waiting')

      await clock.advance(999)
      expect(warnings.map(({ transaction }) => transaction?.isEnded)).toEqual([false])
      await clock.advance(1)

      const error = await stuck
      expect(error).toBeInstanceOf(TransactionTimeoutError)
      expect(error).toMatchObject({ ageMs: 1_000, lastSql: 'insert into "note" ("text") values (?)' })
      expect(warnings.map(({ transaction }) => transaction?.isEnded)).toEqual([false, true])
      await waiting
      expect(await rejection(addLate())).toBe(error)
      expect(await notes(storage.db)).toEqual(['waiting'])
      expect(await context.peer('select text from note')).toEqual([{ text: 'waiting' }])
      expect(clock.pending).toBe(0)
    },
  },
  // On Bun the chain of frames ends in Kysely.
  ...(runtime === 'bun' ? [] : [whereBegun]),
  {
    name: 'C11 a controlled transaction is ended too: what comes after is refused, and nothing of it is stored',
    async run(context) {
      const { storage, clock } = await openWatched(context)
      const trx = await storage.db.startTransaction().execute()
      await addNote(trx, 'stuck')

      await clock.advance(1_000)

      expect(await rejection(addNote(trx, 'late'))).toBeInstanceOf(TransactionTimeoutError)
      expect(await rejection(trx.commit().execute())).toBeInstanceOf(TransactionTimeoutError)
      await addNote(storage.db, 'after')
      expect(await notes(storage.db)).toEqual(['after'])
    },
  },
  {
    name: 'C11 a callback that swallows the error and returns does not commit',
    async run(context) {
      const { storage, clock } = await openWatched(context)

      const error = await rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'stuck')
          await clock.advance(1_000)
          await addNote(trx, 'late').catch(() => {})
        }),
      )

      expect(error).toBeInstanceOf(TransactionTimeoutError)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C11 db.connection() that keeps the writer is ended too, with its raw transaction or without',
    async run(context) {
      const { storage, clock } = await openWatched(context)
      for (const begin of ['begin', 'savepoint s', "insert into note (text) values ('alone')"]) {
        const begun = Promise.withResolvers<void>()
        const held = rejection(
          storage.db.connection().execute(async (connection) => {
            await connection.executeQuery({ sql: begin, parameters: [] } as never)
            begun.resolve()
            await forever
          }),
        )

        await begun.promise
        await clock.advance(1_000)

        const error = await held
        expect(error, begin).toBeInstanceOf(TransactionTimeoutError)
        // One of them has stored something.
        expect(error.message).toMatch(/what it had not committed is rolled back$/)
      }
      await addNote(storage.db, 'after')
      expect(await notes(storage.db)).toEqual(['alone', 'after'])
    },
  },
  {
    name: 'C11 PRAGMA foreign_keys = off ends with a db.connection() that is ended',
    async run(context) {
      const { storage, clock } = await openWatched(context)
      await run(storage.db, 'create table child (note references note (id))')
      const begun = Promise.withResolvers<void>()
      const held = rejection(
        storage.db.connection().execute(async (connection) => {
          await run(connection, 'pragma foreign_keys = off', 'pragma ignore_check_constraints = on')
          begun.resolve()
          await forever
        }),
      )

      await begun.promise
      await clock.advance(1_000)

      expect(await held).toBeInstanceOf(TransactionTimeoutError)
      await expect(run(storage.db, 'insert into child values (1)')).rejects.toThrow(ConstraintError)
      const { rows } = await sql`pragma ignore_check_constraints`.execute(storage.db)
      expect(rows).toEqual([{ ignore_check_constraints: 0 }])
    },
  },
  {
    name: 'C11 a read-only transaction is warned about and ended, and its reader serves the next one',
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context, { maxReaders: 2 })
      const readOnly = storage.db.transaction().setAccessMode('read only')
      const begun = Promise.withResolvers<void>()
      const stuck = rejection(
        readOnly.execute(async (trx) => {
          await notes(trx)
          begun.resolve()
          await forever
        }),
      )

      await begun.promise
      await clock.advance(1_000)

      expect(await stuck).toBeInstanceOf(TransactionTimeoutError)
      expect(warnings.map(({ transaction }) => [transaction?.holds, transaction?.isEnded])).toEqual([
        ['reader', false],
        ['reader', true],
      ])
      // At the limit of readers this would wait for ever.
      expect(await readOnly.execute((trx) => notes(trx))).toEqual([])
    },
  },
  {
    name: 'C13 a stream that stays open is warned about, and never ended',
    not: { libsql: 'its streams are read at once, so no reader is held' },
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context)
      await addNote(storage.db, 'a')
      await addNote(storage.db, 'b')
      const texts: string[] = []

      for await (const { text } of storage.db.selectFrom('note').select('text').orderBy('id').stream(1)) {
        texts.push(text)
        await clock.advance(5_000)
      }

      expect(texts).toEqual(['a', 'b'])
      expect(warnings).toEqual([
        {
          message: expect.stringMatching(/^unbusy: a stream or read-only transaction .* the WAL grows/),
          transaction: expect.objectContaining({ holds: 'reader', ageMs: 100, isEnded: false }),
        },
      ])
      expect(clock.pending).toBe(0)
    },
  },
  {
    name: 'C11 a COMMIT that waits for foreign readers at maxTransactionMs is never stored, and spares the next one',
    async run(context) {
      const { storage, clock } = await openWatched(context, { pragmas: { journal_mode: 'delete' } })
      await using lock = await holdLock(context.path, 20_000, { command: peerCommand(), begin: 'deferred' })
      const begun = Promise.withResolvers<void>()
      const stuck = rejection(
        storage.write(async (trx) => {
          await addNote(trx, 'stuck')
          begun.resolve()
        }),
      )
      await begun.promise
      const next = storage.write(async (trx) => {
        await addNote(trx, 'next')
        await lock.release()
      })

      for (let ms = 0; ms < 1_100; ms += 10) await clock.advance(10)

      expect(await stuck).toBeInstanceOf(TransactionTimeoutError)
      await next
      expect(await context.peer('select text from note')).toEqual([{ text: 'next' }])
    },
  },
  {
    name: 'C11 when the timer itself is late, a transaction gets another second: the machine slept, it did not hang',
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context)
      let asleepMs = 0
      const sleeping = { ...clock, now: () => clock.now() + asleepMs }
      const slept = await context.open({
        clock: sleeping,
        transactionWarnMs: Infinity,
        maxTransactionMs: 1_000,
        onWarning: (message, transaction) =>
          warnings.push({ message, transaction: transaction as LongTransactionEvent | undefined }),
      })

      await slept.write(async (trx) => {
        await addNote(trx, 'before')
        asleepMs = 3 * 3_600_000
        await clock.advance(1_500)
        await addNote(trx, 'after')
      })
      const begun = Promise.withResolvers<void>()
      const stuck = rejection(
        slept.write(() => {
          begun.resolve()
          return forever
        }),
      )
      await begun.promise
      asleepMs *= 2
      await clock.advance(1_000)
      await clock.advance(1_000)

      expect(await stuck).toBeInstanceOf(TransactionTimeoutError)
      expect(await notes(storage.db)).toEqual(['before', 'after'])
    },
  },
  {
    name: 'C14 migrations take as long as they take',
    async run(context) {
      const { storage, clock, warnings } = await openWatched(context)
      const migrator = new Migrator({
        db: storage.db,
        provider: {
          getMigrations: async () => ({
            long: {
              async up(db: Kysely<AnyDatabase>) {
                await addNote(db, 'migrated')
                await clock.advance(10_000)
              },
            },
          }),
        },
      })

      const { error } = await migrator.migrateToLatest()

      expect(error).toBeUndefined()
      expect(warnings.map(({ transaction }) => transaction?.isEnded)).toEqual([false])
      expect(await notes(storage.db)).toEqual(['migrated'])
    },
  },
  {
    name: 'C14 so do migrations in a db.connection() that has written before',
    async run(context) {
      const { storage, clock } = await openWatched(context)
      const long = {
        async up(db: Kysely<AnyDatabase>) {
          await clock.advance(10_000)
          await addNote(db, 'migrated')
        },
      }

      const { error } = await storage.db.connection().execute(async (db) => {
        await addNote(db, 'before')
        return new Migrator({ db, provider: { getMigrations: async () => ({ long }) } }).migrateToLatest()
      })

      expect(error).toBeUndefined()
      expect(await notes(storage.db)).toEqual(['before', 'migrated'])
    },
  },
  {
    name: 'C11 with a Kysely of its own, a transaction is ended too, and rejects when its callback ends',
    async run({ connector, path, open }) {
      const clock = testClock()
      const options = { clock, maxTransactionMs: 1_000, onWarning: () => {} }
      const storage = await open()
      await createNotes(storage.db)
      const dialect = new UnbusyDialect({ connector: await connectorTo(connector, path), ...options })
      await using db = new Kysely<AnyDatabase>({ dialect })
      const gate = Promise.withResolvers<void>()
      const begun = Promise.withResolvers<void>()
      const stuck = rejection(
        db.transaction().execute(async (trx) => {
          await addNote(trx, 'stuck')
          begun.resolve()
          await gate.promise
        }),
      )
      await begun.promise

      await clock.advance(1_000)
      await addNote(db, 'next')
      gate.resolve()

      expect(await stuck).toBeInstanceOf(TransactionTimeoutError)
      expect(await notes(storage.db)).toEqual(['next'])
    },
  },
])
