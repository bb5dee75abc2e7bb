/**
 * Three lanes (contract C7), and how one call waits (contract C3): `storage.with()` and the options of a call.
 *
 * @module
 */
import { CompiledQuery } from 'kysely'
import { ConfigError, type Lane, LockTimeoutError, type WaitOptions } from 'unbusy'
import { testClock } from 'unbusy/testing'
import { expect } from 'vitest'
import { type ContractCase, describeContract } from './case.ts'
import { addNote, createNotes, notes, rejection } from './note.ts'
import { openCounters, together, until } from './together.ts'

const lanes = ['background', 'normal', 'control'] as const
const noLane = 'urgent' as Lane

const cases: ContractCase[] = [
  {
    name: 'C7 control goes before normal before background; in a lane first come is first served',
    async run(context) {
      const { storage } = await openCounters(context, {}, 'create table note (id integer primary key, text)')
      const add = (lane: Lane, text: string) => () => addNote(storage.with({ lane }), text)

      await together(
        storage,
        [1, 2, 3].flatMap((turn) => lanes.map((lane) => add(lane, `${lane} ${turn}`))),
        () => expect(storage.stats().queuedByLane).toEqual({ control: 3, normal: 3, background: 3 }),
      )

      expect(await notes(storage.db)).toEqual(
        ['control', 'normal', 'background'].flatMap((lane) => [1, 2, 3].map((turn) => `${lane} ${turn}`)),
      )
      expect(storage.stats()).toMatchObject({
        queuedWrites: 0,
        queuedByLane: { control: 0, normal: 0, background: 0 },
      })
    },
  },
  {
    name: 'C7 the lane holds for queries, batches, prepared queries, write(), transactions and connection()',
    async run(context) {
      const { storage } = await openCounters(context, {}, 'create table note (id integer primary key, text)')
      const insert = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }),
      )
      const control: WaitOptions = { lane: 'control' }
      const urgent = storage.with(control)

      await together(storage, [
        () => addNote(storage.db, 'normal'),
        () => addNote(urgent, 'query'),
        () => storage.batch([CompiledQuery.raw("insert into note (text) values ('batch')")], control),
        () => insert({ text: 'prepared' }, control),
        () => storage.write((trx) => addNote(trx, 'write'), control),
        () => urgent.transaction().execute((trx) => addNote(trx, 'transaction')),
        () => urgent.connection().execute((own) => addNote(own, 'connection')),
        async () => {
          const trx = await urgent.startTransaction().execute()
          await addNote(trx, 'controlled')
          await trx.commit().execute()
        },
      ])

      expect(await notes(storage.db)).toEqual([
        ...['query', 'batch', 'prepared', 'write', 'transaction', 'connection', 'controlled'],
        'normal',
      ])
    },
  },
  {
    name: 'C7 a waiting write rises a lane a second: after 2 s a background write goes before a fresh control one',
    async run(context) {
      const clock = testClock()
      const options = { clock, lockTimeoutMs: 60_000 }
      const { storage } = await openCounters(
        context,
        options,
        'create table note (id integer primary key, text)',
      )
      const add = (lane: Lane, text: string) => () => addNote(storage.with({ lane }), text)
      const wait = (ms: number, next: () => Promise<unknown>) => async (): Promise<void> => {
        await clock.advance(ms)
        await next()
      }

      await together(storage, [
        add('background', 'old background'),
        wait(1_000, add('background', 'background')),
        wait(500, add('normal', 'normal')),
        wait(501, add('control', 'control')),
        add('normal', 'late normal'),
      ])

      expect(await notes(storage.db)).toEqual([
        'old background',
        'control',
        'normal',
        'background',
        'late normal',
      ])
    },
  },
  {
    name: 'C3 budgets: of the storage, of its lanes, of the call, each from the call on',
    async run({ open }) {
      const clock = testClock()
      const storage = await open({ clock, lockTimeoutMs: { control: 1_000, background: 5_000 } })
      const { db } = storage
      await createNotes(db)
      const trx = await db.startTransaction().execute()
      const ended: string[] = []
      const add = (name: string, options: WaitOptions): void => {
        addNote(storage.with(options), name).catch((error: LockTimeoutError) => {
          ended.push(`${name} ${clock.now()} ${error.name} ${error.waitedMs}`)
        })
      }

      add('control', { lane: 'control' })
      add('background', { lane: 'background' })
      add('call', { lane: 'control', lockTimeoutMs: 7_000 })
      await clock.advance(500)
      add('late', { lane: 'control' })
      add('normal', {})
      await clock.advance(40_000)

      expect(ended).toEqual([
        'control 1000 LockTimeoutError 1000',
        'late 1500 LockTimeoutError 1000',
        'background 5000 LockTimeoutError 5000',
        'call 7000 LockTimeoutError 7000',
        'normal 30500 LockTimeoutError 30000',
      ])
      await trx.commit().execute()
      expect(await notes(db)).toEqual([])
    },
  },
  {
    name: 'C3 a lockTimeoutMs of 0 runs where the lock is free, and rejects after one try where it is not',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const hasty = storage.with({ lockTimeoutMs: 0 })

      await addNote(hasty, 'free')
      await using _ = await holdLock(20_000)
      const error = await rejection(addNote(hasty, 'held'))

      expect(error).toBeInstanceOf(LockTimeoutError)
      expect(await notes(storage.db)).toEqual(['free'])
    },
  },
  {
    name: 'C3 a signal that has aborted before the call: nothing runs, in whatever way it is written',
    async run({ open }) {
      const storage = await open()
      await createNotes(storage.db)
      const reason = new Error('enough')
      const signal = AbortSignal.abort(reason)
      const insert = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }),
      )
      let calls = 0

      const errors = await Promise.all(
        [
          addNote(storage.with({ signal }), 'query'),
          storage.batch([CompiledQuery.raw("insert into note (text) values ('batch')")], { signal }),
          insert({ text: 'prepared' }, { signal }),
          storage.write(async () => calls++, { signal }),
          storage
            .with({ signal })
            .transaction()
            .execute(async () => calls++),
        ].map(rejection),
      )

      for (const error of errors) expect(error).toBe(reason)
      expect(calls).toBe(0)
      expect(await notes(storage.db)).toEqual([])
    },
  },
  {
    name: 'C3 a signal ends a wait for a foreign lock; once the transaction has begun it has no effect',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db)
      const waiting = new AbortController()
      const begun = new AbortController()
      await using lock = await holdLock(20_000)
      const aborted = rejection(addNote(storage.with({ signal: waiting.signal }), 'aborted'))
      const kept = addNote(storage.db, 'kept')
      await until(() => storage.stats().lockAttempts > 5)

      waiting.abort(new Error('enough'))
      expect(await aborted).toMatchObject({ message: 'enough' })
      expect(storage.stats().queuedWrites).toBe(1)
      await lock.release()
      await kept
      await storage.write(
        async (trx) => {
          begun.abort(new Error('too late'))
          await addNote(trx, 'begun')
        },
        { signal: begun.signal },
      )

      expect(await notes(storage.db)).toEqual(['kept', 'begun'])
    },
  },
  {
    name: 'C7 a lane that is none is refused, with words that fit the call, and nothing is kept',
    async run({ open, connector }) {
      const storage = await open()
      await createNotes(storage.db)
      const insert = storage.prepare((db, p: { text: string }) =>
        db.insertInto('note').values({ text: p.text }),
      )
      const text = 'a'

      const errors = [
        await rejection(addNote(storage.with({ lane: noLane }), text)),
        await rejection(storage.batch([CompiledQuery.raw('delete from note')], { lane: noLane })),
        await rejection(insert({ text }, { lane: noLane })),
        await rejection(storage.write(async () => {}, { lane: noLane })),
      ]
      const opening = await rejection(open({ lockTimeoutMs: { [noLane]: 1_000 } }))

      for (const error of errors) {
        expect(error).toBeInstanceOf(ConfigError)
        expect(error.message).toBe(
          'Cannot wait for the lock as lane must be one of control, normal, background: current value is urgent',
        )
      }
      expect(opening).toBeInstanceOf(ConfigError)
      expect(opening.message).toMatch(
        /^Cannot open storage as each key of lockTimeoutMs must be one of control/,
      )
      for (const control of [-1, Number.NaN, '5' as unknown as number]) {
        expect(await rejection(open({ lockTimeoutMs: { control } }))).toBeInstanceOf(RangeError)
        expect(await rejection(open({ lockTimeoutMs: control }))).toBeInstanceOf(RangeError)
      }
      await addNote(storage.db, text)
      expect(await notes(storage.db)).toEqual([text])
      expect(storage.stats()).toMatchObject({ connector, queuedWrites: 0 })
    },
  },
  {
    name: 'C3 storage.with() leaves storage.db as it is, and reads do not care for lanes',
    async run({ open, holdLock }) {
      const storage = await open()
      await createNotes(storage.db, 'a')
      await using lock = await holdLock(20_000)
      const hasty = storage.with({ lockTimeoutMs: 30, lane: 'background' })

      expect(await notes(hasty)).toEqual(['a'])
      const patient = addNote(storage.db, 'patient')
      expect(await rejection(addNote(hasty, 'hasty'))).toBeInstanceOf(LockTimeoutError)
      expect(storage.stats().queuedByLane).toEqual({ control: 0, normal: 1, background: 0 })
      await lock.release()
      await patient

      expect(await notes(storage.db)).toEqual(['a', 'patient'])
    },
  },
]

describeContract('Lanes', cases)
