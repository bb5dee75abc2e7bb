/**
 * Repositories: what each bulk verb stores, on every connector.
 *
 * @module
 */
import { CamelCasePlugin, sql } from 'kysely'
import { ConfigError, ConstraintError, InvalidStatementError, type Repository, type Storage } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type CaseContext, type ContractCase, describeContract } from './case.ts'
import { rejection } from './note.ts'

interface Presence {
  readonly storage: Storage<AnyDatabase>
  readonly sessions: Repository<AnyDatabase, 'session', 'id'>
  rows(): Promise<AnyDatabase[]>
}

/** A session table with s1, active at 10 and open, and s2, active at 20 and ended. */
async function openPresence({ open }: CaseContext): Promise<Presence> {
  const storage = await open()
  await sql`create table session (
    id text primary key, last_active_at integer, active integer not null default 0, ended_at integer, note text default 'new'
  )`.execute(storage.db)
  await sql`insert into session values ('s1', 10, 0, null, 'a'), ('s2', 20, 0, 21, 'b')`.execute(storage.db)
  return {
    storage,
    sessions: storage.repository('session', { key: 'id' }),
    rows: () => storage.db.selectFrom('session').selectAll().orderBy('id').execute(),
  }
}

const cases: ContractCase[] = [
  {
    name: 'C1 a table of the name that SQLite gives to the rows of a statement is refused where that matters',
    async run({ open }) {
      const storage: Storage<AnyDatabase> = await open()
      await sql`create table excluded (id integer primary key, v integer)`.execute(storage.db)
      const rows = storage.repository('Excluded', { key: 'id' })

      for (const call of [rows.upsertMany([{ id: 1, v: 1 }]), rows.updateMany([{ id: 1, v: 1 }])]) {
        const error = await rejection(call)
        expect(error).toBeInstanceOf(ConfigError)
        expect(error.message).toContain('SQLite calls the given rows so')
      }
      expect(await rows.insertMany([{ id: 1, v: 1 }])).toEqual({ changes: 1 })
      expect(await rows.deleteMany([1])).toEqual({ changes: 1 })
    },
  },
  {
    name: 'Repository.updateMany() changes the given columns of known rows and counts them',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const result = await sessions.updateMany([
        { id: 's1', last_active_at: 30, active: true },
        { id: 's2', last_active_at: 40, active: true },
        { id: 'unknown', last_active_at: 50, active: true },
      ])

      expect(result).toEqual({ changes: 2 })
      expect(await rows()).toEqual([
        { id: 's1', last_active_at: 30, active: 1, ended_at: null, note: 'a' },
        { id: 's2', last_active_at: 40, active: 1, ended_at: 21, note: 'b' },
      ])
    },
  },
  {
    name: 'Repository.updateMany() lets the freshest win and revives nothing that ended',
    async run(context) {
      const { sessions, rows } = await openPresence(context)
      await sessions.insertMany([{ id: 's3', last_active_at: null }])

      const result = await sessions.updateMany(
        [
          { id: 's1', last_active_at: 12 },
          { id: 's1', last_active_at: 15 },
          { id: 's1', last_active_at: 11 },
          { id: 's2', last_active_at: 99 },
          { id: 's3', last_active_at: 1 },
        ],
        { onlyIfGreater: 'last_active_at', where: (eb) => eb('session.ended_at', 'is', null) },
      )

      expect((await rows()).map(({ last_active_at }) => last_active_at)).toEqual([15, 20, 1])
      expect(result).toEqual({ changes: 3 })
    },
  },
  {
    name: 'Repository.updateMany() takes a condition with parameters of its own, anew at each call',
    async run(context) {
      const { sessions, rows } = await openPresence(context)
      const touch = (at: number, before: number): Promise<unknown> =>
        sessions.updateMany([{ id: 's1', last_active_at: at }], {
          where: (eb) =>
            eb.and([eb('session.last_active_at', '<', before), eb('excluded.last_active_at', '>', 0)]),
        })

      await touch(50, 10)
      const unchanged = (await rows())[0]
      await touch(60, 11)

      expect(unchanged.last_active_at).toBe(10)
      expect((await rows())[0].last_active_at).toBe(60)
    },
  },
  {
    name: 'Repository.updateMany() applies rows of one key in their order, whatever their columns',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      await sessions.updateMany([
        { id: 's1', note: 'first' },
        { id: 's1', note: 'second', active: 5 },
        { id: 's2', note: 'x' },
        { id: 's1', note: 'third', last_active_at: undefined },
        { id: 's1' },
      ])

      expect(await rows()).toEqual([
        { id: 's1', last_active_at: 10, active: 5, ended_at: null, note: 'third' },
        { id: 's2', last_active_at: 20, active: 0, ended_at: 21, note: 'x' },
      ])
    },
  },
  {
    name: 'Repository.insertMany() gives defaults to absent columns and the last of a key wins',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const result = await sessions.insertMany([
        { id: 's3', note: 'x' },
        { id: 's4' },
        { id: 's3', active: 7 },
      ])

      expect(result).toEqual({ changes: 2 })
      expect((await rows()).slice(2)).toEqual([
        { id: 's3', last_active_at: null, active: 7, ended_at: null, note: 'new' },
        { id: 's4', last_active_at: null, active: 0, ended_at: null, note: 'new' },
      ])
    },
  },
  {
    name: 'Repository.insertMany() tells texts apart that differ in case, where one of another case comes between',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const result = await sessions.insertMany(['S3', 's3', 'S3'].map((id, active) => ({ id, active })))

      expect(result).toEqual({ changes: 2 })
      expect((await rows()).map(({ id, active }) => [id, active])).toEqual([
        ['S3', 2],
        ['s1', 0],
        ['s2', 0],
        ['s3', 1],
      ])
    },
  },
  {
    name: 'Repository.upsertMany() takes a blob for no number or text that reads like it',
    async run({ open }) {
      const storage = await open()
      await sql`create table thing (id primary key, n integer)`.execute(storage.db)
      const ids = [new Uint8Array([5]), 5, new Uint8Array([1, 2]), '1,2']

      await storage.repository('thing', { key: 'id' }).upsertMany(ids.map((id, n) => ({ id, n })))

      expect(await storage.db.selectFrom('thing').selectAll().orderBy('n').execute()).toEqual(
        ids.map((id, n) => ({ id, n })),
      )
    },
  },
  {
    name: 'Repository.insertMany() stores rows in their order where the database makes their keys',
    async run({ open }) {
      const storage = await open()
      await sql`create table event (id integer primary key, text text, note text, size real)`.execute(
        storage.db,
      )
      const events = storage.repository('event', { key: 'id' })

      await events.insertMany([
        { text: 'a' },
        { text: 'b', note: 'x' },
        { text: 'c', size: 0.5 },
        { text: 'd' },
        { text: 'e' },
        { note: 'y', text: 'f' },
      ])

      const rows = await storage.db.selectFrom('event').select(['text', 'note']).orderBy('id').execute()
      expect(rows.map(({ text, note }) => text + (note ?? ''))).toEqual(['a', 'bx', 'c', 'd', 'e', 'fy'])
    },
  },
  {
    name: 'Repository takes columns that are called as what every object has',
    async run({ open }) {
      const storage = await open()
      await sql`create table race (id integer primary key, constructor text, "__proto__" text)`.execute(
        storage.db,
      )
      const races = storage.repository('race', { key: 'id' })
      const rowOf = (id: number, name: string): AnyDatabase =>
        JSON.parse(`{ "id": ${id}, "constructor": "${name}", "__proto__": "${name}" }`)

      await races.upsertMany([rowOf(1, 'one'), rowOf(2, 'two')])
      await races.upsertMany([rowOf(1, 'three')])
      await races.updateMany([rowOf(2, 'four')])

      const rows = await sql`select constructor as c, "__proto__" as p from race order by id`.execute(
        storage.db,
      )
      expect(rows.rows).toEqual(['three', 'four'].map((name) => ({ c: name, p: name })))
    },
  },
  {
    name: 'Repository takes columns with a dot in their names, and so does append()',
    async run({ open }) {
      const storage = await open()
      await sql`create table load ("host.id" integer primary key, "cpu.load" real)`.execute(storage.db)
      const loads = storage.repository('main.load', { key: 'host.id' })
      const rowOf = (id: number, load: number): AnyDatabase => ({ 'host.id': id, 'cpu.load': load })

      await loads.insertMany([rowOf(1, 0.5), rowOf(2, 0.5), rowOf(3, 0.5)])
      await loads.upsertMany([rowOf(1, 0.75), rowOf(2, 0.25)], { merge: { 'cpu.load': 'max' } })
      await loads.updateMany([rowOf(2, 1.5), rowOf(1, 0.25)], { onlyIfGreater: 'cpu.load' })
      await loads.deleteMany([3])
      const buffer = storage.append({ table: 'load', idempotencyKey: 'host.id' })
      for (const id of [1, 4]) buffer.push(rowOf(id, 2.5))
      await buffer.flush()

      const rows = await sql`select * from load order by 1`.execute(storage.db)
      expect(rows.rows).toEqual([rowOf(1, 0.75), rowOf(2, 1.5), rowOf(4, 2.5)])
    },
  },
  {
    name: 'Repository.insertMany() leaves a key to the database that a row does not have',
    async run({ open }) {
      const storage = await open()
      await sql`create table event (id integer primary key, text text)`.execute(storage.db)
      const events = storage.repository('event', { key: 'id' })

      await events.insertMany([{ text: 'a' }, { text: 'b' }, { id: undefined, text: 'c' }])

      const rows = await storage.db.selectFrom('event').selectAll().orderBy('id').execute()
      expect(rows).toEqual(['a', 'b', 'c'].map((text, index) => ({ id: index + 1, text })))
    },
  },
  {
    name: 'Repository.insertMany() refuses a word that onConflict does not know, instead of taking it for another one',
    async run(context) {
      const { sessions, rows } = await openPresence(context)
      const error = await rejection(
        sessions.insertMany([{ id: 's9' }], { onConflict: 'ignore' as unknown as 'nothing' }),
      )

      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toMatch(/onConflict must be one of fail, nothing: current value is ignore$/)
      expect(await rows()).toHaveLength(2)
    },
  },
  {
    name: 'Repository.insertMany() refuses a stored key, or passes it over with onConflict nothing',
    async run(context) {
      const { sessions, rows } = await openPresence(context)
      const given = [
        { id: 's0', note: 'x' },
        { id: 's1', note: 'y' },
        { id: 's0', note: 'z' },
      ]

      const error = await rejection(sessions.insertMany(given))
      const afterError = (await rows()).length
      const result = await sessions.insertMany(given, { onConflict: 'nothing' })

      expect(error).toBeInstanceOf(ConstraintError)
      expect(afterError).toBe(2)
      expect(result).toEqual({ changes: 1 })
      expect((await rows()).map(({ id, note }) => [id, note])).toEqual([
        ['s0', 'x'],
        ['s1', 'a'],
        ['s2', 'b'],
      ])
    },
  },
  {
    name: 'Repository.upsertMany() inserts what is new and replaces what is given of the rest',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const result = await sessions.upsertMany([
        { id: 's1', note: 'x' },
        { id: 's3', note: 'y' },
        { id: 's3', note: 'z' },
      ])

      expect(result).toEqual({ changes: 2 })
      expect(await rows()).toEqual([
        { id: 's1', last_active_at: 10, active: 0, ended_at: null, note: 'x' },
        { id: 's2', last_active_at: 20, active: 0, ended_at: 21, note: 'b' },
        { id: 's3', last_active_at: null, active: 0, ended_at: null, note: 'z' },
      ])
    },
  },
  {
    name: 'Repository.upsertMany() merges column by column, NULLs and rows of the same key included',
    async run({ open }) {
      const storage = await open()
      await sql`create table m (id text primary key, r integer, mx integer, k integer, c integer)`.execute(
        storage.db,
      )
      await sql`insert into m values ('full', 5, 5, 5, 5), ('null', null, null, null, null)`.execute(
        storage.db,
      )
      const merged = storage.repository('m', { key: 'id' })
      const all = (id: string, value: number | null): AnyDatabase => ({
        id,
        r: value,
        mx: value,
        k: value,
        c: value,
      })

      await merged.upsertMany(
        [
          all('full', 9),
          all('full', 7),
          all('full', null),
          all('null', 3),
          all('null', 2),
          all('two', 1),
          all('two', 8),
          all('two', 4),
        ],
        { merge: { r: 'replace', mx: 'max', k: 'keep', c: 'coalesce' } },
      )

      expect(await storage.db.selectFrom('m').selectAll().orderBy('id').execute()).toEqual([
        { id: 'full', r: null, mx: 9, k: 5, c: 7 },
        { id: 'null', r: 2, mx: 3, k: null, c: 2 },
        { id: 'two', r: 4, mx: 8, k: 1, c: 4 },
      ])
    },
  },
  {
    name: 'Repository.upsertMany() with onlyIfGreater keeps the whole row of the freshest',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const result = await sessions.upsertMany(
        [
          { id: 's1', last_active_at: 9, note: 'late' },
          { id: 's2', last_active_at: 25, note: 'fresh' },
          { id: 's2', last_active_at: 24, note: 'late' },
        ],
        { onlyIfGreater: 'last_active_at' },
      )

      expect((await rows()).map(({ note }) => note)).toEqual(['a', 'fresh'])
      expect(result).toEqual({ changes: 1 })
    },
  },
  {
    name: 'Repository.deleteMany() deletes by key, and by several columns',
    async run(context) {
      const { sessions, storage, rows } = await openPresence(context)
      await sql`create table member (team text, user integer, role text, primary key (team, user))`.execute(
        storage.db,
      )
      const members = storage.repository('member', { key: ['team', 'user'] })
      const users = [1, 2, 3]
      await members.insertMany(users.map((user) => ({ team: 't', user, role: 'reader' })))
      await members.upsertMany([{ team: 't', user: 2, role: 'owner' }])
      await members.updateMany([
        { team: 't', user: 3, role: 'editor' },
        { team: 'x', user: 1, role: 'none' },
      ])

      const one = await sessions.deleteMany(['s1', 's1', 'unknown'])
      const other = await members.deleteMany([
        { team: 't', user: 1 },
        { team: 'x', user: 2 },
      ])

      expect([one, other]).toEqual([{ changes: 1 }, { changes: 1 }])
      expect((await rows()).map(({ id }) => id)).toEqual(['s2'])
      expect(
        await storage.db.selectFrom('member').select(['user', 'role']).orderBy('user').execute(),
      ).toEqual([
        { user: 2, role: 'owner' },
        { user: 3, role: 'editor' },
      ])
    },
  },
  {
    name: 'Repository refuses a key that is null or missing, and names the row',
    async run(context) {
      const { sessions, rows } = await openPresence(context)

      const errors = [
        await rejection(sessions.upsertMany([{ id: 's9' }, { id: null, note: 'secret' }])),
        await rejection(sessions.updateMany([{ note: 'secret' } as never])),
        await rejection(sessions.insertMany([{ id: null }])),
        await rejection(sessions.insertMany([{ note: 'secret' }], { onConflict: 'nothing' })),
        await rejection(sessions.deleteMany([null as never])),
        await rejection(
          sessions.updateMany([{ id: 's1', note: 'secret' }], { onlyIfGreater: 'last_active_at' }),
        ),
        await rejection(sessions.insertMany([{}])),
        await rejection(sessions.upsertMany([{ id: 's1', note: 'x' }], { merge: { note: 'min' as never } })),
      ]

      expect(errors.map(({ message }) => message)).toEqual([
        'Cannot write row 1 to session as its key column id is null: to UNIQUE, no NULL equals another',
        'Cannot write row 0 to session as its column id is undefined',
        'Cannot write row 0 to session as its key column id is null: to UNIQUE, no NULL equals another',
        'Cannot write row 0 to session as its column id is undefined',
        'Cannot write row 0 to session as its key column id is null: to UNIQUE, no NULL equals another',
        'Cannot write row 0 to session as its column last_active_at is undefined',
        'Cannot write row 0 to session as it has no columns',
        'Cannot merge column note as its rule must be one of replace, max, keep, coalesce: it is min',
      ])
      expect(errors.slice(0, 7).every((error) => error instanceof InvalidStatementError)).toBe(true)
      expect(await rows()).toHaveLength(2)
    },
  },
  {
    name: 'Repository refuses the values that no statement takes, before anything is written',
    async run(context) {
      const { sessions, storage, rows } = await openPresence(context)
      const bad = [Number.NaN, Number.POSITIVE_INFINITY, 'a\0b', {}, [], new Date(Number.NaN), 2n ** 64n]

      for (const value of bad) {
        const given = [
          ...Array.from({ length: 1_500 }, (_, index) => ({ id: `n${index}`, note: 'x' })),
          { id: 'bad', note: value },
        ]
        const error = await rejection(sessions.insertMany(given))
        const alone = await rejection(
          storage.db.insertInto('session').values({ id: 'x', note: value }).execute(),
        )

        expect(error).toBeInstanceOf(InvalidStatementError)
        expect(error.message).toBe(alone.message.replace('parameter 2', 'column note of row 1500'))
      }
      expect(await rows()).toHaveLength(2)
    },
  },
  {
    name: 'Repository.in() works inside a transaction and ends with it',
    async run(context) {
      const { sessions, storage, rows } = await openPresence(context)

      const failed = await rejection(
        storage.write(async (trx) => {
          await sessions.in(trx).insertMany([{ id: 's3', note: 1.5 }, { id: 's4' }])
          throw new Error('no')
        }),
      )
      const result = await storage.write((trx) => sessions.in(trx).deleteMany(['s1', 's2']))

      expect(failed.message).toBe('no')
      expect(result).toEqual({ changes: 2 })
      expect(await rows()).toEqual([])
    },
  },
  {
    name: 'Repository sees the plugins of the storage, and takes a table with its schema',
    async run({ open }) {
      const storage = await open({ plugins: [new CamelCasePlugin()] })
      await sql`create table usage_event (event_id text primary key, token_count integer)`.execute(storage.db)
      const events = storage.repository('main.usageEvent', { key: 'eventId' })

      await events.insertMany([
        { eventId: 'a', tokenCount: 1 },
        { eventId: 'b', tokenCount: 2 },
      ])
      await events.upsertMany([{ eventId: 'a', tokenCount: 5 }], { merge: { tokenCount: 'max' } })
      await events.updateMany([{ eventId: 'b', tokenCount: 3 }], {
        onlyIfGreater: 'tokenCount',
        where: (eb) => eb('excluded.tokenCount', '<', 10),
      })
      await events.deleteMany(['c'])

      expect(await storage.db.selectFrom('usageEvent').selectAll().orderBy('eventId').execute()).toEqual([
        { eventId: 'a', tokenCount: 5 },
        { eventId: 'b', tokenCount: 3 },
      ])
    },
  },
  {
    name: "Repository knows a key by its column's collation",
    async run({ open }) {
      const storage = await open()
      await sql`create table tag (name text primary key collate nocase, n integer)`.execute(storage.db)
      const tags = storage.repository('tag', { key: 'name' })
      await tags.insertMany([{ name: 'Red', n: 0 }])

      await tags.updateMany(
        [
          { name: 'red', n: 2 },
          { name: 'RED', n: 3 },
          { name: 'rED', n: 1 },
        ],
        { onlyIfGreater: 'n' },
      )

      expect(await storage.db.selectFrom('tag').selectAll().execute()).toEqual([{ name: 'Red', n: 3 }])
    },
  },
]

describeContract('Repository', cases)
