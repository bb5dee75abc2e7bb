/** C12: write-behind buffers on real files: one statement a flush, nothing lost, freshest wins. C15: they are drained. */
import { type Kysely, sql } from 'kysely'
import { ConstraintError, type Drop, FlushTimeoutError, LockTimeoutError, StorageClosedError } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'

interface Seen {
  readonly id: string
  readonly last_active_at: number
}

/** Sessions s1, s2, … that were last seen at 100; `agent` is a column that presence does not own. */
async function createSessions(db: Kysely<AnyDatabase>, count: number): Promise<void> {
  await sql`create table session (
    id text primary key, last_active_at integer not null check (last_active_at >= 0), ended_at integer, agent text
  )`.execute(db)
  await sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
    insert into session select 's' || i, 100, null, 'agent ' || i from n`.execute(db)
}

async function createUsage(db: Kysely<AnyDatabase>): Promise<void> {
  await sql`create table usage (
    n integer primary key, id text unique, tokens integer check (tokens >= 0), at integer, note text default 'none', raw blob
  )`.execute(db)
}

async function activeAt(db: Kysely<AnyDatabase>): Promise<Record<string, number>> {
  const rows: Seen[] = await db.selectFrom('session').select(['id', 'last_active_at']).execute()
  return Object.fromEntries(rows.map(({ id, last_active_at }) => [id, last_active_at]))
}

function freshest(older: Seen, newer: Seen): Seen {
  return newer.last_active_at > older.last_active_at ? newer : older
}

const cases: ContractCase[] = [
  {
    name: 'C12 coalesce() writes a thousand keys with one flush in one lock cycle, in the background lane',
    async run({ open }) {
      const storage = await open()
      await createSessions(storage.db, 1_000)
      const sessions = storage.repository('session', { key: 'id' })
      const lanes: string[] = []
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        merge: freshest,
        flush: (seen, context) => {
          lanes.push(context.lane)
          return sessions.updateMany(seen, context)
        },
        maxPending: 5_000,
        intervalMs: 60_000,
      })
      for (let at = 200; at < 203; at++) {
        for (let n = 1; n <= 1_000; n++) presence.set({ id: `s${n}`, last_active_at: at })
      }
      const before = storage.stats().lockCycles
      expect(await activeAt(storage.db)).toMatchObject({ s1: 100, s1000: 100 })
      await presence.flush()

      expect(storage.stats().lockCycles - before).toBe(1)
      expect(lanes).toEqual(['background'])
      expect(new Set(Object.values(await activeAt(storage.db)))).toEqual(new Set([202]))
      expect(presence.stats()).toEqual({ pending: 0, flushed: 1_000, dropped: 0, failures: 0, flushes: 1 })
    },
  },
  {
    name: 'C12 the presence rules: freshest wins in SQL, an ended row stays ended, foreign columns stay as they are',
    async run({ open, peer }) {
      const storage = await open()
      await createSessions(storage.db, 4)
      const sessions = storage.repository('session', { key: 'id' })
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        merge: freshest,
        flush: (seen, context) =>
          sessions.updateMany(seen, {
            ...context,
            onlyIfGreater: 'last_active_at',
            where: (eb) => eb('session.ended_at', 'is', null),
          }),
        // Starting another process may take longer than the default.
        intervalMs: 60_000,
      })
      presence.set({ id: 's1', last_active_at: 300 })
      presence.set({ id: 's1', last_active_at: 200 })
      presence.set({ id: 's2', last_active_at: 300 })
      presence.set({ id: 's3', last_active_at: 300 })
      presence.set({ id: 'gone', last_active_at: 300 })
      // Between queueing and flushing another process is faster for s2, and s3 ends.
      await peer(
        "update session set last_active_at = 400 where id = 's2'",
        "update session set ended_at = 250, agent = 'successor' where id = 's3'",
      )
      await storage.flush()

      expect(await storage.db.selectFrom('session').selectAll().orderBy('id').execute()).toEqual([
        { id: 's1', last_active_at: 300, ended_at: null, agent: 'agent 1' },
        { id: 's2', last_active_at: 400, ended_at: null, agent: 'agent 2' },
        { id: 's3', last_active_at: 100, ended_at: 250, agent: 'successor' },
        { id: 's4', last_active_at: 100, ended_at: null, agent: 'agent 4' },
      ])
    },
  },
  {
    name: 'C12 a flush that meets a held lock loses nothing, and what is set meanwhile wins',
    async run({ open, holdLock, peer }) {
      const storage = await open()
      await createSessions(storage.db, 3)
      const sessions = storage.repository('session', { key: 'id' })
      const errors: unknown[] = []
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
        intervalMs: 20,
        lockTimeoutMs: 100,
        onError: (error) => errors.push(error),
      })
      await using lock = await holdLock(20_000)
      presence.set({ id: 's1', last_active_at: 200 })
      presence.set({ id: 's2', last_active_at: 200 })
      await expect(presence.flush({ timeoutMs: 400 })).rejects.toThrow(FlushTimeoutError)
      expect(errors[0]).toBeInstanceOf(LockTimeoutError)
      expect(presence.get('s1')).toEqual({ id: 's1', last_active_at: 200 })

      presence.set({ id: 's1', last_active_at: 201 })
      expect(presence.stats()).toMatchObject({ pending: 2, flushed: 0, dropped: 0 })
      await lock.release()
      await presence.flush()
      expect(await peer('select id, last_active_at from session order by id')).toEqual([
        { id: 's1', last_active_at: 201 },
        { id: 's2', last_active_at: 200 },
        { id: 's3', last_active_at: 100 },
      ])
    },
  },
  {
    name: 'C12 one bad value of a hundred is dropped and reported, the others are stored',
    async run({ open }) {
      const storage = await open()
      await createSessions(storage.db, 100)
      const sessions = storage.repository('session', { key: 'id' })
      const drops: Drop<Seen>[] = []
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
        onDrop: (drop) => drops.push(drop),
      })
      for (let n = 1; n <= 100; n++) {
        presence.set({ id: `s${n}`, last_active_at: n === 42 ? -1 : n === 77 ? Number.NaN : 200 })
      }
      await presence.flush()
      const stored = await activeAt(storage.db)
      expect(Object.values(stored).filter((at) => at === 200)).toHaveLength(98)
      expect([stored.s42, stored.s77]).toEqual([100, 100])
      expect(drops.map(({ value, reason }) => [value.id, reason])).toEqual([
        ['s42', 'poison'],
        ['s77', 'poison'],
      ])
      expect(drops[0]?.error).toBeInstanceOf(ConstraintError)
      expect(presence.stats()).toMatchObject({ pending: 0, flushed: 98, dropped: 2, failures: 0 })
    },
  },
  {
    name: 'C12 one bad value of thousands, in slices, is dropped and the others are stored',
    async run({ open }) {
      const storage = await open()
      await createSessions(storage.db, 2_500)
      const sessions = storage.repository('session', { key: 'id' })
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
        maxPending: 5_000,
      })
      for (let n = 1; n <= 2_500; n++) presence.set({ id: `s${n}`, last_active_at: n === 1_500 ? -1 : 200 })
      await presence.flush()
      const stored = await activeAt(storage.db)
      expect(Object.values(stored).filter((at) => at !== 200)).toEqual([100])
      expect(presence.stats()).toMatchObject({ pending: 0, dropped: 1, failures: 0 })
    },
  },
  {
    name: 'C12 a missing table costs no value: they are written once it is there',
    async run({ open }) {
      const storage = await open()
      const sessions = storage.repository('session', { key: 'id' })
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
        intervalMs: 20,
      })
      for (let n = 1; n <= 20; n++) presence.set({ id: `s${n}`, last_active_at: 200 })
      await expect(presence.flush({ timeoutMs: 100 })).rejects.toThrow(FlushTimeoutError)
      expect(presence.stats()).toMatchObject({ pending: 20, dropped: 0 })
      await storage.write((trx) => createSessions(trx, 20))
      await presence.flush()
      expect(new Set(Object.values(await activeAt(storage.db)))).toEqual(new Set([200]))
    },
  },
  {
    name: 'C12 rows that fail for no constraint are found, however they stand among good ones',
    async run({ open }) {
      const storage = await open()
      await sql`create table sent (id integer primary key, body text, kind as (body ->> '$.kind') stored)`.execute(
        storage.db,
      )
      const drops: Drop<Record<string, unknown>>[] = []
      const buffer = storage.append({ table: 'sent', intervalMs: 5, onDrop: (drop) => drops.push(drop) })
      const isGood = (id: number): boolean => id >= 8 && id % 2 === 1
      for (let id = 0; id < 32; id++) buffer.push({ id, body: isGood(id) ? '{ "kind": "ok" }' : 'no JSON' })
      await buffer.flush()

      const rows: { id: number }[] = await storage.db.selectFrom('sent').select('id').orderBy('id').execute()
      expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 32 }, (_, id) => id).filter(isGood))
      expect(drops.map(({ reason }) => reason)).toEqual(new Array(20).fill('poison'))
    },
  },
  {
    name: 'C12 append() stores every kind of row in order, one lock cycle a batch',
    async run({ open }) {
      const storage = await open()
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage', maxBatch: 500, timestamp: 'at' })
      const startedAt = Date.now()
      for (let n = 0; n < 997; n++) expect(usage.push({ tokens: n }).accepted).toBe(true)
      usage.push({ tokens: 997, note: 'own' })
      usage.push({ tokens: 998, raw: new Uint8Array([0, 255]), note: undefined, at: 5 })
      usage.push({ tokens: 2n ** 60n })
      const before = storage.stats().lockCycles
      await usage.flush()
      expect(storage.stats().lockCycles - before).toBe(2)
      const rows = await storage.db.selectFrom('usage').selectAll().orderBy('tokens').execute()
      expect(rows).toHaveLength(1_000)
      expect(rows[0]).toMatchObject({ tokens: 0, id: null, note: 'none', raw: null })
      expect(rows[0]?.at).toBeGreaterThanOrEqual(startedAt)
      expect(rows.slice(997)).toMatchObject([
        { tokens: 997, note: 'own' },
        { tokens: 998, note: 'none', raw: new Uint8Array([0, 255]), at: 5 },
        { tokens: 2n ** 60n },
      ])
    },
  },
  {
    name: 'C12 append() with an idempotency key: the first row of a key wins, in a batch, over batches and processes',
    async run({ open, peer }) {
      const storage = await open()
      await createUsage(storage.db)
      const drops: Drop<object>[] = []
      const usage = storage.append({
        table: 'usage',
        idempotencyKey: 'id',
        onDrop: (drop) => drops.push(drop),
      })
      usage.push({ id: 'a', tokens: 1 })
      usage.push({ id: 'a', tokens: 2 })
      await usage.flush()
      await peer("insert into usage (id, tokens) values ('b', 3)")
      for (const id of ['a', 'b', 'c']) usage.push({ id, tokens: 4 })
      expect(usage.push({ tokens: 5 }).accepted).toBe(false)
      // A constraint that is not the key's is no duplicate.
      usage.push({ id: 'd', tokens: -1 })
      await usage.flush()
      expect(await storage.db.selectFrom('usage').select(['id', 'tokens']).orderBy('id').execute()).toEqual([
        { id: 'a', tokens: 1 },
        { id: 'b', tokens: 3 },
        { id: 'c', tokens: 4 },
      ])
      expect(drops.map(({ reason }) => reason)).toEqual(['no-key', 'poison'])
      expect(usage.stats()).toMatchObject({ flushed: 5, duplicates: 3, dropped: 2 })
    },
  },
  {
    name: 'C12 append() stores no row twice where a trigger refuses one with RAISE(FAIL), which keeps those before it',
    async run({ open }) {
      const storage = await open()
      await createUsage(storage.db)
      await sql`create trigger sober before insert on usage when new.note = 'bad'
        begin select raise(fail, 'bad'); end`.execute(storage.db)
      const drops: Drop<object>[] = []
      const usage = storage.append({ table: 'usage', onDrop: (drop) => void drops.push(drop) })

      for (const note of ['a', 'b', 'bad', 'c']) usage.push({ note })
      await usage.flush()
      const together = storage.repository('usage', { key: 'n' })
      await expect(
        together.insertMany([{ note: 'd' }, { note: 'bad' }], { atomic: true, onConflict: 'fail' }),
      ).rejects.toThrow(ConstraintError)

      const rows: { note: string }[] = await storage.db.selectFrom('usage').select('note').execute()
      expect(rows.map(({ note }) => note)).toEqual(['a', 'b', 'c'])
      expect(drops).toMatchObject([{ value: { note: 'bad' }, reason: 'poison' }])
    },
  },
  {
    name: 'C12 append() takes a row as it is at the call: the object may be used again',
    async run({ open, peer }) {
      const storage = await open()
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage', idempotencyKey: 'id' })
      const row = { id: 'a', tokens: 1 }
      usage.push(row)
      row.id = 'b'
      row.tokens = 2
      usage.push(row)
      row.tokens = 3
      await usage.flush()
      expect(await peer('select id, tokens from usage order by id')).toEqual([
        { id: 'a', tokens: 1 },
        { id: 'b', tokens: 2 },
      ])
    },
  },
  {
    name: 'C12 append() survives bad rows, and rows alike are all stored without an idempotency key',
    async run({ open }) {
      const storage = await open()
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage' })
      for (let n = 0; n < 200; n++) usage.push(n % 50 === 7 ? { tokens: -n } : { tokens: 1, note: 'same' })
      usage.push({ nothing: 1 })
      usage.push({})
      usage.push({ note: 'a\0b' })
      await usage.flush()
      usage.push({ tokens: 2 })
      await usage.flush()
      const counted = await storage.db
        .selectFrom('usage')
        .select((eb) => eb.fn.countAll().as('n'))
        .executeTakeFirst()
      expect(counted).toEqual({ n: 197 })
      expect(usage.stats()).toMatchObject({ pending: 0, flushed: 197, dropped: 7 })
    },
  },
  {
    name: 'C12 push() answers at once while another process holds the lock, and keeps within the capacity',
    async run({ open, holdLock }) {
      const storage = await open()
      await createUsage(storage.db)
      const kept = storage.append({ table: 'usage', capacity: 100, intervalMs: 1 })
      const rejecting = storage.append({ table: 'usage', capacity: 100, overflow: 'reject' })
      const waiting = storage.append({ table: 'usage', capacity: 100, overflow: 'wait' })
      await using lock = await holdLock(20_000)
      const startedAt = performance.now()
      for (let n = 0; n < 1_000; n++) {
        kept.push({ tokens: n })
        rejecting.push({ tokens: n })
      }
      expect(performance.now() - startedAt).toBeLessThan(1_000)
      const waits = Array.from({ length: 150 }, (_, n) => waiting.push({ tokens: n }))
      expect(kept.stats()).toMatchObject({ pending: 100, dropped: 900 })
      expect(rejecting.stats()).toMatchObject({ pending: 100, dropped: 0, rejected: 900 })
      expect(waiting.stats()).toMatchObject({ pending: 100, waiting: 50 })

      await lock.release()
      await storage.flush()
      expect(await Promise.all(waits)).toEqual(new Array(150).fill({ accepted: true }))
      await storage.flush()
      expect(await storage.db.selectFrom('usage').select('n').execute()).toHaveLength(350)
    },
  },
  {
    name: 'C11 a row that is pushed inside a transaction is written after it, not taken for an outer write',
    async run({ open }) {
      const storage = await open()
      await createUsage(storage.db)
      const errors: unknown[] = []
      const usage = storage.append({ table: 'usage', intervalMs: 5, onError: (error) => errors.push(error) })
      await storage.write(async (trx) => {
        await trx.insertInto('usage').values({ tokens: 1 }).execute()
        usage.push({ tokens: 2 })
        await new Promise((resolve) => setTimeout(resolve, 1_300))
      })
      await usage.flush()
      expect(errors).toEqual([])
      expect(await storage.db.selectFrom('usage').select('tokens').orderBy('n').execute()).toEqual([
        { tokens: 1 },
        { tokens: 2 },
      ])
    },
  },
  {
    name: 'C15 close() writes what buffers hold before it closes, and buffers take nothing in after that',
    async run({ open, peer }) {
      const storage = await open()
      await createSessions(storage.db, 2)
      await createUsage(storage.db)
      const sessions = storage.repository('session', { key: 'id' })
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
      })
      const usage = storage.append({ table: 'usage', maxBatch: 10 })
      // A flush need not hand its context on.
      const notes = storage.coalesce({
        key: (note: string) => note,
        flush: (values) =>
          storage.db
            .insertInto('usage')
            .values(values.map((note) => ({ note })))
            .execute(),
      })
      presence.set({ id: 's1', last_active_at: 200 })
      notes.set('note')
      for (let n = 0; n < 95; n++) usage.push({ tokens: n })
      const closing = storage.close()
      expect(usage.push({ tokens: 0 })).toEqual({ accepted: false, reason: 'closed' })
      expect(presence.set({ id: 's2', last_active_at: 200 })).toEqual({ accepted: false, reason: 'closed' })
      expect(() => storage.append({ table: 'usage' })).toThrow(StorageClosedError)
      expect(await closing).toEqual({
        rejectedWrites: 0,
        revokedTransactions: 0,
        unfinishedReads: 0,
        unflushedValues: 0,
        unwrittenRows: 0,
      })
      const sums =
        'select (select sum(last_active_at) from session) as seen, (select count(*) from usage) as rows'
      expect(await peer(sums)).toEqual([{ seen: 300, rows: 96 }])
      await expect(storage.db.selectFrom('usage').selectAll().execute()).rejects.toThrow(StorageClosedError)
    },
  },
  {
    name: 'C15 a buffer that was empty at close takes nothing in after it',
    async run({ open }) {
      const storage = await open()
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage' })
      await storage.close()
      expect(usage.push({ tokens: 1 })).toEqual({ accepted: false, reason: 'closed' })
      expect(usage.stats()).toMatchObject({ pending: 0, dropped: 1 })
      await usage.flush()
    },
  },
  {
    name: 'C15 close() is by default more patient than one lock wait of a buffer',
    async run({ open, holdLock, peer }) {
      const storage = await open({ lockTimeoutMs: { normal: 100 } })
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage', lockTimeoutMs: 20_000 })
      // Longer than the normal lane's lock timeout and a second.
      await using _lock = await holdLock(1_500)
      usage.push({ tokens: 1 })
      expect(await storage.close()).toMatchObject({ unwrittenRows: 0 })
      expect(await peer('select count(*) as n from usage')).toEqual([{ n: 1 }])
    },
  },
  {
    name: 'C15 close() under a held lock ends at drainTimeoutMs, a full queue included, and reports what is lost',
    async run({ open, holdLock, peer }) {
      const storage = await open({ drainTimeoutMs: 500 })
      await createSessions(storage.db, 1)
      await createUsage(storage.db)
      const sessions = storage.repository('session', { key: 'id' })
      const lost: unknown[] = []
      const onDrop = (drop: Drop<object>): unknown => lost.push(drop.reason)
      const presence = storage.coalesce({
        key: ({ id }: Seen) => id,
        flush: (seen, context) => sessions.updateMany(seen, context),
        onDrop,
      })
      const usage = storage.append({ table: 'usage', capacity: 50, overflow: 'wait', onDrop })
      await using lock = await holdLock(20_000)
      presence.set({ id: 's1', last_active_at: 200 })
      const pushes = Array.from({ length: 60 }, (_, n) => usage.push({ tokens: n }))
      const startedAt = performance.now()
      const report = await storage.close()
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(499)
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      expect(report).toMatchObject({ rejectedWrites: 0, unflushedValues: 1, unwrittenRows: 50 })
      expect((await Promise.all(pushes)).filter(({ accepted }) => accepted)).toHaveLength(50)
      expect(lost).toEqual(new Array(61).fill('closed'))

      await lock.release()
      const sums =
        'select (select sum(last_active_at) from session) as seen, (select count(*) from usage) as rows'
      expect(await peer(sums)).toEqual([{ seen: 100, rows: 0 }])
    },
  },
  {
    name: 'C15 close() waits for a lock that is held longer than one lock wait of a buffer',
    async run({ open, holdLock, peer }) {
      const storage = await open({ drainTimeoutMs: 20_000 })
      await createUsage(storage.db)
      const usage = storage.append({ table: 'usage', lockTimeoutMs: 200 })
      await using lock = await holdLock(20_000)
      for (let n = 0; n < 10; n++) usage.push({ tokens: n })
      const closing = storage.close()
      await expect(usage.flush({ timeoutMs: 600 })).rejects.toThrow(FlushTimeoutError)
      expect(usage.stats().failures).toBeGreaterThan(0)
      await lock.release()
      expect(await closing).toMatchObject({ unwrittenRows: 0 })
      expect(await peer('select count(*) as n from usage')).toEqual([{ n: 10 }])
    },
  },
]

describeContract('write-behind buffers', cases)
