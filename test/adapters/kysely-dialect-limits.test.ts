/** What kyselyDialect() cannot give, and what it refuses: each limit of its documentation that a test can show. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Dialect, type QueryResult, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import { openStorage } from 'unbusy'
import { type KyselyDialectOptions, kyselyDialect } from 'unbusy/kysely-dialect'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectorTo } from '../contract/matrix.ts'
import { rejection } from '../contract/note.ts'
import { wrappedDialects } from '../contract/wrapped-dialects.ts'
import {
  createTable,
  newPath,
  noTransactions,
  open,
  optionsOf,
  withDriver,
  withoutBigInts,
} from './_dialects.ts'
import { connect, rowsOf, temporaryFolder } from './_local.ts'

describe.each(wrappedDialects)('kyselyDialect() over $name', (wrapped) => {
  test('limit: no iterator, no autocommit, no worker for checkpoints', async () => {
    const connector = kyselyDialect(optionsOf(wrapped))
    expect((await connect(connector)).iterate).toBeUndefined()
    expect(connector.capabilities).toEqual({ singleConnection: false, autocommit: false })
    expect(connector.openCheckpointWorker).toBeUndefined()
  })

  test('limit: a driver that reads numbers cannot promise exact integers, and is refused where they are', async () => {
    const dialect = (path: string): Promise<Dialect> => wrapped.create(path, false)
    const connector = kyselyDialect({ ...optionsOf(wrapped), dialect })
    const connection = await connect(connector)
    const read = connector.integers?.read
    expect(read).toBe(wrapped.engine === 'node-sqlite' ? 'refused' : 'rounded')

    const reading = rowsOf(connection, 'select 9007199254740993 as big')
    if (read === 'refused') await rejection(reading)
    else expect(await reading).toEqual([{ big: 9_007_199_254_740_992 }])
    await expect(connect(connector, { integers: 'bigint' })).rejects.toThrow(
      "Cannot read integers as 'bigint'",
    )
    const strict = connect(connector, { integers: 'strict' })
    if (read === 'refused') await strict
    else await expect(strict).rejects.toThrow("Cannot read integers as 'strict'")
  })

  test.runIf(wrapped.engine === 'node-sqlite')(
    'a write whose row the driver refuses is not stored',
    async () => {
      const dialect = (path: string): Promise<Dialect> => wrapped.create(path, false)
      const storage = await open({ ...optionsOf(wrapped), dialect })
      const { db } = storage
      await sql`create table big (n integer unique on conflict rollback)`.execute(db)
      const add = (n: bigint, on = db): Promise<QueryResult<unknown>> =>
        sql`insert into big values (${n}) returning n`.execute(on)
      const stored = async (): Promise<unknown[]> =>
        (await sql<{ n: number }>`select cast(n as text) as n from big order by n`.execute(db)).rows

      await rejection(add(2n ** 60n))
      expect(await stored()).toEqual([])

      await storage.write(async (trx) => {
        expect((await add(1n, trx)).rows).toEqual([{ n: 1 }])
        await rejection(add(2n ** 60n, trx))
        await add(2n, trx)
      })
      expect(await stored()).toEqual([{ n: '1' }, { n: '2' }])

      // There the error has ended the transaction, and what was to undo the write with it.
      const { message } = await rejection(add(1n))
      expect(message).toContain('UNIQUE constraint failed')
      await add(3n)
      expect(await stored()).toEqual([{ n: '1' }, { n: '2' }, { n: '3' }])
    },
  )

  test('limit: through a driver that takes no bigint, integers are what its numbers are', async () => {
    const connector = kyselyDialect({
      ...optionsOf(wrapped),
      dialect: async (path) => withoutBigInts(await wrapped.create(path)),
    })
    const connection = await connect(connector)
    // bun:sqlite binds 5 as INTEGER, the others as REAL.
    const isInteger = wrapped.engine === 'bun-sqlite'
    expect(connector.integers?.bound).toBe(isInteger ? 'number' : 'real')
    expect(await rowsOf(connection, 'select typeof(?) as type', [5])).toEqual([
      { type: isInteger ? 'integer' : 'real' },
    ])
    await expect(rowsOf(connection, 'select ?', [2n ** 60n])).rejects.toThrow('takes no bigint')
  })

  test('limit: without the name of its engine, no other storage can open the file; with it, one can', async () => {
    const url = newPath()
    const { engine: _, ...unnamed } = optionsOf(wrapped, url)
    const first = await open(unnamed)
    let calls = 0
    const other: KyselyDialectOptions = {
      ...unnamed,
      dialect(path) {
        calls++
        return wrapped.create(path)
      },
    }
    await expect(open(other)).rejects.toThrow(
      /kysely-dialect \d+\).* as this process has it open with an engine/,
    )
    // Closing a second handle again would already drop the locks of the first.
    expect(calls).toBe(0)
    await expect(openStorage({ connector: await connectorTo(wrapped.engine, url) })).rejects.toThrow(
      'one dialect per file',
    )
    await first.close()

    await open(optionsOf(wrapped, url))
    const own = await openStorage({ connector: await connectorTo(wrapped.engine, url) })
    await own.close()
  })

  test('refuses a dialect that is the same again, and one that opened another file or memory', async () => {
    const shared = wrapped.create(newPath())
    const same = kyselyDialect({ ...optionsOf(wrapped, newPath()), dialect: () => shared })
    await expect(connect(same)).rejects.toThrow('dialect(path) must open the path that it gets')
    await expect(connect(same)).rejects.toThrow('a dialect that was opened before')
    const memory = { ...optionsOf(wrapped), dialect: () => wrapped.create(':memory:') }
    await expect(open(memory)).rejects.toThrow('as the wrapped dialect opened a database in memory')
    await expect(
      open({ ...optionsOf(wrapped, ':memory:'), dialect: () => wrapped.create(newPath()) }),
    ).rejects.toThrow('as the wrapped')
  })

  test('says what is wrong when two dialects share one database: nothing is lost', async () => {
    const url = newPath()
    const one = await wrapped.create(url)
    const driver = one.createDriver()
    await driver.init()
    const native = await driver.acquireConnection()
    const sharing = (): Dialect =>
      withDriver(one, {
        ...noTransactions,
        init: async () => {},
        acquireConnection: async () => native,
        releaseConnection: async () => {},
        destroy: async () => {},
      })
    const { db } = await open({ ...optionsOf(wrapped, url), dialect: sharing })
    onTestFinished(() => driver.destroy())
    await createTable(db)
    await sql`select 1 from t`.execute(db)
    await expect(sql`insert into t values (1, 1)`.execute(db)).rejects.toThrow('share one database')
    expect((await sql`select * from t`.execute(db)).rows).toEqual([])
  })

  test('explains a path that cannot be opened', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'is-a-folder'))
    await expect(open(optionsOf(wrapped, join(folder, 'missing', 'a.db')))).rejects.toThrow('does not exist')
    await expect(open(optionsOf(wrapped, join(folder, 'is-a-folder')))).rejects.toThrow(
      'the url must name a file',
    )
  })
})

test('kyselyDialect() refuses libSQL, whose statements do not survive a busy lock', async () => {
  const { default: Database } = (await import('libsql')) as unknown as {
    readonly default: new (path: string) => SqliteDatabase
  }
  const dialect = (path: string): Dialect => new SqliteDialect({ database: new Database(path) })
  await expect(open({ url: ':memory:', engine: 'libsql', dialect })).rejects.toThrow(
    'Cannot wrap a Kysely dialect of libSQL',
  )
})

test('kyselyDialect() refuses a remote URL, an engine that is no name and a dialect that is no function, before anything is opened', () => {
  const dialect = (): Dialect => {
    throw new Error('it was opened')
  }
  expect(() => kyselyDialect({ url: 'libsql://example.com', dialect })).toThrow('opens files only')
  expect(() => kyselyDialect({ url: ':memory:', engine: '', dialect })).toThrow("Cannot use engine ''")
  expect(() => kyselyDialect({ url: ':memory:', dialect: {} as never })).toThrow('it must be a function')
})
