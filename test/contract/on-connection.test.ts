/** C1: `onConnection` runs after the pragmas on every physical connection, with its role. */
import { sql } from 'kysely'
import type { OnConnection } from 'unbusy'
import { type Clock, ConstraintError, InvalidStatementError, OpenError, UnbusyError } from 'unbusy'
import { expect } from 'vitest'
import { systemClock } from '../../src/time/clock.ts'
import { type ContractCase, describeContract } from './case.ts'
import { observedConnector } from './observed-connector.ts'
import { openStream } from './pragma-values.ts'

const cases: ContractCase[] = [
  {
    name: 'C1 onConnection runs on the writer and on every reader as it is opened, with its role and native handle',
    async run({ open }) {
      const seen: string[] = []
      const onConnection: OnConnection = ({ role, native }, sameRole) => {
        seen.push(`${role} ${sameRole} ${typeof native}`)
      }
      const storage = await open({ onConnection })
      expect(seen).toEqual(['writer writer object'])
      await sql`select 1`.execute(storage.db)
      await sql`select 2`.execute(storage.db)
      expect(seen).toEqual(['writer writer object', 'reader reader object'])
      const streams = [await openStream(storage.db), await openStream(storage.db)]
      expect(seen.slice(2)).toEqual(['reader reader object', 'reader reader object'])
      for (const stream of streams) await stream.end()
    },
  },
  {
    name: 'C1 what onConnection attaches is there for writes, point reads, streams and read-only transactions',
    async run({ open, path, peer }) {
      await (await open()).close()
      await peer(`attach '${path}.other' as other`, 'create table other.t (a)')
      const storage = await open({
        onConnection: (connection) => connection.exec(`attach '${path}.other' as other`),
      })
      await sql`insert into other.t values (1), (2)`.execute(storage.db)
      const select = sql<{ a: number }>`select a from other.t order by a`
      expect((await select.execute(storage.db)).rows).toEqual([{ a: 1 }, { a: 2 }])
      const streamed: unknown[] = []
      for await (const row of storage.db.selectFrom('other.t').select('a').stream()) streamed.push(row)
      expect(streamed).toEqual([{ a: 1 }, { a: 2 }])
      const reading = storage.db.transaction().setAccessMode('read only')
      expect((await reading.execute((trx) => select.execute(trx))).rows).toHaveLength(2)
      expect((await storage.write((trx) => select.execute(trx))).rows).toHaveLength(2)
    },
  },
  {
    name: 'C1 pragmas that a session set are set back, and onConnection does not run, and attach, again for it',
    async run({ open, path }) {
      const roles: string[] = []
      const storage = await open({
        onConnection: async (connection, role) => {
          roles.push(role)
          await connection.exec(`attach '${path}.other' as other`)
        },
      })
      await storage.db.connection().execute((db) => sql`pragma foreign_keys = off`.execute(db))
      const { rows } = await sql`pragma foreign_keys`.execute(storage.db)
      expect(rows).toEqual([{ foreign_keys: 1 }])
      expect(roles).toEqual(['writer'])
    },
  },
  {
    name: 'C1 an error of onConnection rejects the opening as it is, and nothing stays open',
    async run(context) {
      const { connector, opened } = await observedConnector(context)
      const mine = new Error('no extension today')
      const onConnection: OnConnection = () => {
        throw mine
      }
      await expect(context.open({ connector, onConnection })).rejects.toBe(mine)
      expect(opened).toEqual([{ role: 'writer', isClosed: true }])
    },
  },
  {
    name: 'C1 an error of onConnection on a reader rejects the read, and the next read tries again',
    async run(context) {
      const { connector, opened } = await observedConnector(context)
      let failures = 1
      const onConnection: OnConnection = (_, role) => {
        if (role === 'reader' && failures-- > 0) throw new Error('not now')
      }
      const storage = await context.open({ connector, onConnection })
      await expect(sql`select 1 as a`.execute(storage.db)).rejects.toThrow('not now')
      expect((await sql`select 1 as a`.execute(storage.db)).rows).toEqual([{ a: 1 }])
      expect(opened.map(({ isClosed }) => isClosed)).toEqual([false, true, false])
    },
  },
  {
    name: 'C11 C15 an onConnection that waits for a query of its own storage, or never ends, holds up no read and no close()',
    async run({ open }) {
      const hooks = [() => sql`select 1`.execute(storage.db), () => new Promise(() => {})]
      // The 30 s that it has are over at once.
      const { schedule } = systemClock
      const clock: Clock = {
        ...systemClock,
        schedule: (ms, ...rest) => schedule(ms === 30_000 ? 50 : ms, ...rest),
      }
      const onConnection: OnConnection = async (_, role) => {
        if (role === 'reader') await hooks.shift()?.()
      }
      const storage = await open({ onConnection, clock, lockTimeoutMs: 10_000 })
      for (const _ of hooks.slice()) {
        const read = sql`select 1 as a`.execute(storage.db)
        await expect(read).rejects.toThrow('Cannot use a reader as its onConnection did not end')
      }
      expect((await sql`select 1 as a`.execute(storage.db)).rows).toEqual([{ a: 1 }])
      hooks.push(() => new Promise(() => {}))
      const stream = openStream(storage.db).catch((error: unknown) => error)
      await storage.close()
      expect(await stream).toBeInstanceOf(UnbusyError)
    },
  },
  {
    name: 'C1 SQL that fails in onConnection says where and keeps the cause',
    async run({ open, path }) {
      const opening = open({ onConnection: (connection) => connection.exec('create nonsense') })
      await expect(opening).rejects.toThrow(OpenError)
      await expect(opening).rejects.toThrow(`Cannot open database ${path} as SQLite answered SQLITE_ERROR`)
      await expect(opening).rejects.toHaveProperty('cause', expect.any(Error))
    },
  },
  {
    name: 'C1 onConnection runs one statement a call: a second one would be dropped by some drivers',
    async run({ open }) {
      const opening = open({ onConnection: (connection) => connection.exec('select 1; select 2') })
      await expect(opening).rejects.toThrow(InvalidStatementError)
    },
  },
  {
    name: 'C1 onConnection that meets a lock runs again, on a new connection: its ATTACH would fail the second time',
    async run({ open, path, holdLock }) {
      await (await open()).close()
      await using lock = await holdLock(5_000)
      let calls = 0
      const onConnection: OnConnection = async (connection, role) => {
        if (role === 'reader') return
        if (++calls === 2) await lock.release()
        await connection.exec(`attach '${path}.other' as other`)
        await connection.exec('create table t (a unique)')
      }
      const storage = await open({ onConnection })
      expect(calls).toBe(2)
      await sql`insert into t values (1)`.execute(storage.db)
      await expect(sql`insert into t values (1)`.execute(storage.db)).rejects.toThrow(ConstraintError)
    },
  },
]

describeContract('onConnection', cases)
