/** What kyselyDialect() finds out where a dialect says nothing. The contract runs over it in test/contract/wrapped-dialect.test.ts. */
import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import { kyselyDialect } from 'unbusy/kysely-dialect'
import { holdLock } from 'unbusy/testing'
import { describe, expect, test } from 'vitest'
import { watchLoop } from '../contract/loop-gaps.ts'
import { rejection } from '../contract/note.ts'
import { wrap, wrappedDialects } from '../contract/wrapped-dialects.ts'
import { peerCommand, peerQuery } from '../processes/peer.ts'
import { createTable, newPath, open, optionsOf } from './_dialects.ts'
import { codeOf, connect, rowsOf } from './_local.ts'

describe.each(wrappedDialects)('kyselyDialect() over $name', (wrapped) => {
  test('waits for a foreign lock without the event loop, and the write is in', async () => {
    const url = newPath()
    const { db } = await open(optionsOf(wrapped, url))
    await createTable(db)
    await using lock = await holdLock(url, 1_000, { command: peerCommand() })
    const loop = watchLoop()

    await sql`insert into t values (1, 'patient')`.execute(db)

    // A wait of the driver's own would stand still for the whole of it.
    expect(loop.worstGapMs()).toBeLessThan(500)
    expect(Date.now()).toBeGreaterThanOrEqual(await lock.released)
    expect(await peerQuery(url, ['select b from t'])).toEqual([{ b: 'patient' }])
  })

  test('knows from SQL alone when an error has ended the transaction, and when it has not', async () => {
    const connector = wrap(wrapped, newPath())
    const connection = await connect(connector)
    await connection.exec('create table t (a integer primary key, b)')
    await connection.exec(
      "create trigger no_bad before insert on t when new.b = 'bad' begin select raise(rollback, 'no'); end",
    )
    await connection.begin('immediate')
    await connection.exec("insert into t values (1, 'good')")

    expect(await codeOf(connector, () => connection.exec("insert into t values (1, 'twice')"))).toBe(1555)
    expect(connection.inTransaction).toBe(true)
    expect(await codeOf(connector, () => connection.exec("insert into t values (2, 'bad')"))).toBe(1811)
    expect(connection.inTransaction).toBe(false)

    // What was asked has left no transaction behind, and the row before is gone.
    await connection.begin('immediate')
    expect(await rowsOf(connection, 'select a from t')).toEqual([])
    await connection.commit()
  })

  test('an EXPLAIN leaves nothing in progress: what is read after it is not an old snapshot', async () => {
    const { db } = await open(optionsOf(wrapped, newPath()))
    await createTable(db)

    const seen: unknown[] = []
    for (const [a, explained] of ['select b from t', "insert into t values (9, 'no')"].entries()) {
      await sql.raw(`explain query plan ${explained}`).execute(db)
      await sql.raw(`explain ${explained}`).execute(db)
      for (const b of ['first', 'second']) {
        await sql`insert or replace into t values (${a}, ${b})`.execute(db)
        seen.push((await sql`select b from t where a = ${a}`.execute(db)).rows)
      }
    }

    expect(seen).toEqual([[{ b: 'first' }], [{ b: 'second' }], [{ b: 'first' }], [{ b: 'second' }]])
  })

  test('knows that a COMMIT which failed left the transaction open', async () => {
    const connection = await connect(wrap(wrapped, newPath()))
    await connection.exec('pragma foreign_keys = on')
    await connection.exec('create table t (a primary key, b references t (a) deferrable initially deferred)')
    await connection.begin('immediate')
    await connection.exec('insert into t values (1, 2)')

    await rejection(connection.commit() as Promise<void>)
    expect(connection.inTransaction).toBe(true)
    await connection.rollback()
    expect(connection.inTransaction).toBe(false)
    expect(await rowsOf(connection, 'select a from t')).toEqual([])
  })

  test('reads integers exactly where the driver reads bigints', async () => {
    const connector = kyselyDialect(optionsOf(wrapped))
    expect(connector.integers).toBeUndefined()
    const connection = await connect(connector)
    expect(connector.integers).toEqual({ bound: 'bigint', read: 'bigint' })
    expect(await rowsOf(connection, 'select ? as small, ? as big', [5, 2n ** 53n + 1n])).toEqual([
      { small: 5, big: 2n ** 53n + 1n },
    ])
  })

  test('names the columns right after another process changed the table', async () => {
    const url = newPath()
    const { db } = await open(optionsOf(wrapped, url))
    await createTable(db)
    await sql`insert into t values (1, 2)`.execute(db)
    expect(await db.selectFrom('t').selectAll().execute()).toEqual([{ a: 1, b: 2 }])
    await peerQuery(url, ['alter table t rename b to c', 'alter table t add column d'])
    expect(await db.selectFrom('t').selectAll().execute()).toEqual([{ a: 1, c: 2, d: null }])
  })

  test('close() leaves nothing beside the file, also where statements are left to the garbage collector', async () => {
    const url = newPath()
    const storage = await open(optionsOf(wrapped, url))
    await createTable(storage.db)
    for (let a = 0; a < 20; a++) await sql`insert into t values (${a}, 'x')`.execute(storage.db)
    await storage.db.selectFrom('t').selectAll().execute()
    expect(existsSync(`${url}-wal`)).toBe(true)

    await storage.close()
    expect([`${url}-wal`, `${url}-shm`].filter(existsSync)).toEqual([])
  })

  test('opens :memory: as one connection', async () => {
    const { db } = await open(optionsOf(wrapped, ':memory:'))
    await createTable(db)
    await Promise.all([1, 2, 3].map((a) => sql`insert into t values (${a}, ${a})`.execute(db)))
    expect((await sql`select count(*) as n from t`.execute(db)).rows).toEqual([{ n: 3 }])
  })
})
