import { sql } from 'kysely'
import { UnsupportedError } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { run } from '../contract/run-sql.ts'
import { transports, useServer } from './remote-storage.ts'

const remote = useServer()

describe.each(transports)('answers over %s', (transport) => {
  it('ten reads take the time of one', async () => {
    const storage = await remote.open(transport)
    await storage.db.executeQuery(sql`select 1`.compile(storage.db))
    const delayed = { kind: 'delay', when: 'before', ms: 150 } as const
    await remote.server.faults({ script: [{ fault: delayed, times: 10 }] })
    const startedAtMs = performance.now()

    await Promise.all(Array.from({ length: 10 }, () => sql`select 1`.execute(storage.db)))

    // One after the other they would take 1,500 ms.
    expect(performance.now() - startedAtMs).toBeLessThan(900)
  })

  it('C5 groups grow while a request is in flight', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, text)')
    const before = storage.stats().lockCycles
    await remote.server.faults({ script: [{ fault: { kind: 'delay', when: 'before', ms: 150 } }] })
    const insert = (): Promise<unknown> => storage.db.insertInto('note').values({ text: 'a' }).execute()

    const writes = [insert()]
    for (let number = 0; number < 50; number++) {
      await new Promise((resolve) => setImmediate(resolve))
      writes.push(insert())
    }
    await Promise.all(writes)

    expect(storage.stats().lockCycles - before).toBeLessThanOrEqual(3)
    expect(storage.stats().largestGroup).toBeGreaterThan(25)
  })

  it('C9 have the result codes of SQLite, its words, and no value', async () => {
    const storage = await remote.open(transport)
    await run(
      storage.db,
      'create table parent (id integer primary key)',
      `create table note (id integer primary key, text text not null unique check (text <> 'bad'), parent references parent)`,
      "insert into note (text) values ('a')",
    )
    const codeOf = (text: string): Promise<unknown> =>
      run(storage.db, text).then(
        () => undefined,
        (error) => `${error.name} ${error.message}`,
      )

    expect([
      await codeOf("insert into note (text) values ('a')"),
      await codeOf('insert into note (text) values (null)'),
      await codeOf("insert into note (text) values ('bad')"),
      await codeOf("insert into note (text, parent) values ('b', 7)"),
      await codeOf('select * from missing'),
    ]).toEqual([
      'ConstraintError SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: note.text',
      'ConstraintError SQLITE_CONSTRAINT_NOTNULL: NOT NULL constraint failed: note.text',
      "ConstraintError SQLITE_CONSTRAINT_CHECK: CHECK constraint failed: text <> 'bad'",
      'ConstraintError SQLITE_CONSTRAINT_FOREIGNKEY: FOREIGN KEY constraint failed',
      expect.stringMatching(/^SqliteError SQLITE_ERROR: .*no such table: missing/),
    ])
  })

  it('C3 that nobody can read, as JSON has no infinity, are not asked for again, and cost no neighbour its own', async () => {
    const storage = await remote.open(transport)
    const neighbours = Array.from({ length: 5 }, (_, n) => sql`select ${n} as n`.execute(storage.db))

    const infinite = sql`select 9e999 as n`.execute(storage.db)

    await expect(infinite).rejects.toThrow('Cannot read an infinite number from a server')
    const batch = storage.batch([sql`select 9e999 as n`.compile(storage.db)])
    await expect(batch).rejects.toThrow('Cannot read an infinite number from a server')
    const answers = await Promise.all(neighbours)
    expect(answers.map(({ rows }) => rows)).toEqual([0, 1, 2, 3, 4].map((n) => [{ n }]))
  })

  it('C8 hold the values that were written, also for a text that only the server finds too long', async () => {
    const storage = await remote.open(transport)
    await run(storage.db, 'create table note (id integer primary key, a, b, c, d, e, f)')
    const values = { a: 2n ** 62n, b: 5, c: 1.5, d: 'ä\u{1F600}', e: new Uint8Array([0, 255]), f: null }
    const long = sql.raw(`insert into note (a) values ('${'ä'.repeat(3_000)}')`)

    const { insertId } = await storage.db.insertInto('note').values(values).executeTakeFirstOrThrow()
    await storage.batch([long.compile(storage.db), long.compile(storage.db)])

    const row = await storage.db.selectFrom('note').selectAll().where('id', '=', 1).executeTakeFirst()
    expect(insertId).toBe(1n)
    expect(row).toEqual({ id: 1, ...values })
    const { rows } = await sql`select typeof(b) as b, length(a) as a from note`.execute(storage.db)
    expect(rows[2]).toEqual({ b: 'null', a: 3_000 })
    expect(rows[0]).toMatchObject({ b: 'integer' })
  })
})

describe('what belongs to one connection of a server', () => {
  it('is refused, as the next request would not see it', async () => {
    const storage = await remote.open('http')

    await expect(run(storage.db, 'pragma foreign_keys = off')).rejects.toThrow(/hold for this request alone/)
    await expect(run(storage.db, 'create temp table mine (x)')).rejects.toThrow(/CREATE .* temporary/)
    await expect(run(storage.db, "attach 'other.db' as other")).rejects.toThrow(/ATTACH/)
    for (const name of ['foreign_keys', 'defer_foreign_keys']) {
      const pinned = storage.db.connection().execute((db) => run(db, `pragma ${name} = on`))
      await expect(pinned, name).rejects.toThrow(/hold for this request alone/)
    }
    await storage.write((trx) => run(trx, 'pragma defer_foreign_keys = on'))
  })

  it('is refused in db.connection() as well: the next request would tell of another connection', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key)')
    const ask = sql`select last_insert_rowid() as id, changes() as n`

    for (const before of ['select 1', 'insert into note default values']) {
      const pinned = storage.db.connection().execute(async (db) => {
        await run(db, before)
        return ask.execute(db)
      })
      await expect(pinned, before).rejects.toThrow(/last_insert_rowid\(\) outside a transaction/)
    }
    const inside = storage.write(async (trx) => {
      await run(trx, 'insert into note default values')
      return ask.execute(trx)
    })
    expect((await inside).rows).toEqual([{ id: 2, n: 1 }])
  })
})

describe('the files of a server', () => {
  it('are copied by nobody here: backup() says so', async () => {
    const storage = await remote.open('http')

    await expect(storage.backup('copy.db')).rejects.toThrow(UnsupportedError)
  })

  it('are none that the doctor judges, or gives advice on', async () => {
    const storage = await remote.open('http')
    await run(storage.db, 'create table note (id integer primary key)')

    const { severity, checks } = await storage.doctor()

    expect(severity).toBe('info')
    expect(checks.map(({ name }) => name)).toEqual([
      'sqlite-version',
      'pragmas',
      'pages',
      'foreign-keys',
      'integrity',
    ])
    expect(checks[0]).toMatchObject({ severity: 'info', message: expect.stringContaining('The server has') })
  })
})
