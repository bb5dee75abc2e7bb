/**
 * What `@libsql/client` meets on a libSQL server, the same on every server and transport: the in-repo server is as good
 * as these cases are the same on a real one.
 *
 * @module
 */
import type { Client, InStatement, LibsqlError } from '@libsql/client'
import { expect } from 'vitest'

/** A client of an empty database in which only the table `t (id integer primary key, v text unique)` is. */
export interface ClientCase {
  readonly name: string
  run(client: Client, url: string): Promise<void>
}

/** The code and the message of what a call fails with, and the step of a batch. */
export async function failure(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    const { code, message, name, statementIndex } = error as LibsqlError & { statementIndex?: number }
    return { name, code, message, ...(statementIndex === undefined ? {} : { statementIndex }) }
  }
  throw new Error('It did not fail')
}

export async function ids(client: Client, table = 't'): Promise<unknown[]> {
  return (await client.execute(`select id from ${table} order by id`)).rows.map(({ id }) => id)
}

const insert = (id: number, v: string): InStatement => ({ sql: 'insert into t values (?, ?)', args: [id, v] })

/** What the server refuses, and the code it does it with. */
const refusals: readonly (readonly [sql: string, code: string])[] = [
  ['pragma journal_mode = wal', 'SQL_PARSE_ERROR'],
  ['pragma busy_timeout = 5', 'SQL_PARSE_ERROR'],
  ['pragma query_only(1)', 'SQL_PARSE_ERROR'],
  ['pragma wal_checkpoint', 'SQL_PARSE_ERROR'],
  ['pragma optimize', 'SQL_PARSE_ERROR'],
  ['vacuum', 'SQL_PARSE_ERROR'],
  ['analyze', 'SQL_PARSE_ERROR'],
  ["attach 'x.db' as x", 'SQL_PARSE_ERROR'],
  ['create temp table x (a)', 'SQL_PARSE_ERROR'],
  ['create temporary view x as select 1', 'SQL_PARSE_ERROR'],
  ['selec 1', 'SQL_PARSE_ERROR'],
  ["select 'a", 'SQL_PARSE_ERROR'],
  ['', 'SQL_NO_STATEMENT'],
  ['-- nothing', 'SQL_NO_STATEMENT'],
  ['select 1; select 2', 'SQL_MANY_STATEMENTS'],
  ['select q from t', 'SQL_INPUT_ERROR'],
  ['select nope()', 'SQL_INPUT_ERROR'],
  ['select * from nope', 'SQLITE_UNKNOWN'],
  ['insert into t (zz) values (1)', 'SQLITE_UNKNOWN'],
  ['commit', 'SQLITE_UNKNOWN'],
  ["select json('{')", 'SQLITE_UNKNOWN'],
  ['select ?', 'ARGS_INVALID'],
]

const allowed: readonly string[] = [
  'pragma journal_mode',
  'pragma busy_timeout',
  'pragma foreign_keys = off',
  'pragma user_version = 7',
  "pragma table_info('t')",
  'pragma main.integrity_check',
  'select * from pragma_table_list',
  'create view w as select 1; ',
  'create trigger g after insert on t begin select 1; select 2; end',
  'drop trigger g',
  'explain insert into t values (1, 2)',
]

export const clientCases: readonly ClientCase[] = [
  {
    name: 'values of every kind come back as they went',
    async run(client) {
      const args = [null, 1.5, -0.1, 'a\0é', new Uint8Array([1, 2, 255])]
      const types = ['null', 'real', 'real', 'text', 'blob']

      const columns = args.map((_, at) => `?${at + 1} as a${at}, typeof(?${at + 1}) as t${at}`)
      const result = await client.execute({ sql: `select ${columns}`, args })

      const row = Object.values(result.rows[0] ?? {})
      expect(row.filter((_, at) => at % 2 === 1)).toEqual(types)
      expect(row.filter((_, at) => at % 2 === 0)).toEqual([
        ...args.slice(0, -1),
        new Uint8Array([1, 2, 255]).buffer,
      ])
    },
  },
  {
    name: 'named arguments, RETURNING, the number of changes and the id of the last row',
    async run(client) {
      const result = await client.execute({
        sql: 'insert into t (v) values ($v), (:w) returning id, v as name',
        args: { v: 'a', w: 'b' },
      })
      const ignored = await client.execute("insert or ignore into t (v) values ('a')")
      const updated = await client.execute("update t set v = v || '!'")

      expect(result.columns).toEqual(['id', 'name'])
      expect(result.rows.map((row) => [row.id, row.name])).toEqual([
        [1, 'a'],
        [2, 'b'],
      ])
      expect([result.rowsAffected, result.lastInsertRowid]).toEqual([2, 2n])
      expect([ignored.rowsAffected, updated.rowsAffected, updated.lastInsertRowid]).toEqual([0, 2, undefined])
    },
  },
  {
    name: 'a batch is all or nothing, and its error names the statement',
    async run(client) {
      await client.batch([insert(1, 'a'), insert(2, 'b')], 'write')

      expect(await failure(client.batch([insert(3, 'c'), insert(1, 'd'), insert(4, 'e')], 'write'))).toEqual({
        name: 'LibsqlBatchError',
        code: 'SQLITE_CONSTRAINT',
        message: 'SQLITE_CONSTRAINT: SQLITE_CONSTRAINT: SQLite error: UNIQUE constraint failed: t.id',
        statementIndex: 1,
      })
      expect(await ids(client)).toEqual([1, 2])
    },
  },
  {
    name: 'executeMultiple() stops at the error and keeps what ran; of what cannot be parsed nothing runs',
    async run(client) {
      const failed = await failure(
        client.executeMultiple("insert into t values (1, 'a'); insert into t values (1, 'b')"),
      )
      const unread = await failure(client.executeMultiple("insert into t values (2, 'c'); selec 1"))
      const refused = await failure(client.executeMultiple("insert into t values (3, 'd'); pragma optimize"))

      expect([failed.code, unread.code, refused.code]).toEqual([
        'SQLITE_CONSTRAINT',
        'SQL_PARSE_ERROR',
        'SQL_PARSE_ERROR',
      ])
      expect(await ids(client)).toEqual([1])
    },
  },
  {
    name: 'a transaction is seen by others at its commit only, and not after rollback, migrate() or close',
    async run(client) {
      const tx = await client.transaction('write')
      await tx.execute(insert(1, 'a'))
      expect(await ids(client)).toEqual([])
      await tx.commit()

      const second = await client.transaction('write')
      await second.execute(insert(2, 'b'))
      await second.rollback()
      const third = await client.transaction('write')
      await third.execute(insert(3, 'c'))
      third.close()
      await failure(client.migrate(["insert into t values (4, 'd')", 'selec 1']))

      expect(await ids(client)).toEqual([1])
    },
  },
  {
    name: 'an error leaves the transaction open, INSERT OR ROLLBACK ends it, and the next statement commits by itself',
    async run(client) {
      const tx = await client.transaction('write')
      await tx.execute(insert(1, 'a'))
      expect((await failure(tx.execute(insert(1, 'b')))).code).toBe('SQLITE_CONSTRAINT')
      await tx.execute("insert or rollback into t values (1, 'c')").catch(() => {})
      expect(tx.closed).toBe(false)

      await tx.execute(insert(2, 'd'))
      expect((await failure(tx.commit())).message).toContain('no transaction is active')
      expect(await ids(client)).toEqual([2])
    },
  },
  {
    name: 'what is refused, each with its code',
    async run(client) {
      const codes: (readonly [string, unknown])[] = []
      for (const [sql] of refusals) codes.push([sql, (await failure(client.execute(sql))).code])
      expect(codes).toEqual(refusals)

      for (const sql of allowed) await client.execute(sql)
      expect((await client.execute('pragma user_version')).rows[0]?.user_version).toBe(7)
      expect((await client.execute('pragma foreign_keys')).rows[0]?.foreign_keys).toBe(1)
    },
  },
  {
    name: 'HTTP: a text of a batch has up to 5000 bytes, which the client counts as UTF-16 units; WebSocket has no such limit',
    async run(client, url) {
      const sql = (count: number): string => `select '${'é'.repeat(count)}'`

      await client.batch([sql(2_495)], 'write')
      const outcome = await client.batch([sql(2_496)], 'write').then(
        () => 'done',
        ({ code }) => code,
      )
      // It is told of the consequence: the text that could not be stored is not there.
      expect(outcome).toBe(url.startsWith('ws') ? 'done' : 'SERVER_ERROR')
    },
  },
  {
    name: 'an answer over 10 MB is refused, and what it would have told of may be committed',
    async run(client) {
      const many = `select value, printf('%.*c', 1000000, 'x') || value from json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')`

      expect((await failure(client.execute(many))).code).toBe('RESPONSE_TOO_LARGE')
      expect((await failure(client.batch([insert(1_000, 'a'), many], 'write'))).code).toBe(
        'RESPONSE_TOO_LARGE',
      )
      expect(await ids(client)).toEqual([])
      expect((await failure(client.execute(`insert into t ${many} returning v`))).code).toBe(
        'RESPONSE_TOO_LARGE',
      )
      expect((await ids(client)).length).toBe(12)
    },
  },
  {
    name: 'a text with one half of a character is JSON that is not read: HTTP 400, a WebSocket is cut',
    async run(client, url) {
      const { code } = await failure(client.batch([insert(1, 'a'), insert(2, 'a\ud83d')], 'write'))

      expect(code).toBe(url.startsWith('ws') ? 'HRANA_WEBSOCKET_ERROR' : 'SERVER_ERROR')
      expect(await ids(client)).toEqual([])
    },
  },
  {
    name: 'a value of up to 5,000,000 bytes is bound, a longer one is not, and its batch is undone',
    async run(client) {
      const length = await client.execute({ sql: 'select length(?) as n', args: ['x'.repeat(5_000_000)] })
      expect(length.rows[0]?.n).toBe(5_000_000)

      expect(
        await failure(client.batch([insert(2, 'a'), insert(3, 'y'.repeat(5_000_001))], 'write')),
      ).toMatchObject({ code: 'ARGS_INVALID', statementIndex: 1 })
      expect(await ids(client)).toEqual([])
    },
  },
  {
    name: 'a WebSocket is cut at a message of more than 16 MiB; HTTP takes it',
    async run(client, url) {
      const oneMiB = 'x'.repeat(2 ** 20)
      const texts = Array.from({ length: 17 }, () => ({ sql: 'select length(?) as n', args: [oneMiB] }))
      const outcome = await client.batch(texts, 'write').then(
        () => 'done',
        ({ code }) => code,
      )

      expect(outcome).toBe(url.startsWith('ws') ? 'HRANA_WEBSOCKET_ERROR' : 'done')
    },
  },
  {
    name: 'a reader whose snapshot is old cannot become a writer',
    async run(client) {
      const reader = await client.transaction('deferred')
      await reader.execute('select * from t')
      await client.execute(insert(1, 'a'))

      expect((await failure(reader.execute(insert(2, 'b')))).code).toBe('SQLITE_BUSY')
      reader.close()
    },
  },
]
