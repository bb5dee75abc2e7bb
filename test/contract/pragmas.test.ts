/** C1: every physical connection has the pragmas of its role. */
import { sql } from 'kysely'
import { ConfigError, type Storage, UnbusyDialect } from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { connectorTo } from './matrix.ts'
import { observedConnector } from './observed-connector.ts'
import { openStream, type PragmaValues, pragmaValues } from './pragma-values.ts'

const writer: Partial<PragmaValues> = {
  busy_timeout: 0,
  journal_mode: 'wal',
  synchronous: 1,
  foreign_keys: 1,
  journal_size_limit: 16 * 1024 * 1024,
  temp_store: 2,
  query_only: 0,
}
const reader: Partial<PragmaValues> = { busy_timeout: 0, journal_mode: 'wal', foreign_keys: 1, query_only: 1 }

function pragmasOfWriter(storage: Storage<AnyDatabase>): Promise<PragmaValues> {
  return storage.write((trx) => pragmaValues(trx))
}

const cases: ContractCase[] = [
  {
    name: 'C1 the writer, the standing reader and every further reader have the pragmas of their role',
    async run({ open }) {
      const storage = await open()
      expect(await pragmasOfWriter(storage)).toMatchObject(writer)
      expect(await pragmaValues(storage.db)).toMatchObject(reader)
      const second = await openStream(storage.db)
      const third = await openStream(storage.db)
      expect([second.values, third.values]).toMatchObject([reader, reader])
      expect(storage.stats().openReaders).toBe(3)
      await second.end()
      await third.end()
    },
  },
  {
    name: 'C1 a file that is opened again has them on every connection',
    async run({ open }) {
      await (await open()).close()
      const storage = await open()
      expect(await pragmasOfWriter(storage)).toMatchObject(writer)
      expect(await pragmaValues(storage.db)).toMatchObject(reader)
      const second = await openStream(storage.db)
      expect(second.values).toMatchObject(reader)
      await second.end()
    },
  },
  {
    name: 'C1 a writer whose ROLLBACK failed is replaced by one with the pragmas; its lock is free at once',
    async run(context) {
      const { connector, opened, failNext } = await observedConnector(context)
      const roles: string[] = []
      const storage = await context.open({ connector, onConnection: (_, role) => void roles.push(role) })
      await sql`create table t (a)`.execute(storage.db)

      failNext('writer', 'rollback')
      const failed = storage.write(async (trx) => {
        await sql`insert into t values (1)`.execute(trx)
        throw new Error('the first error')
      })
      await expect(failed).rejects.toThrow('the first error')
      expect(opened).toEqual([{ role: 'writer', isClosed: true }])
      await context.peer('insert into t values (2)')

      expect(await pragmasOfWriter(storage)).toMatchObject(writer)
      expect(roles).toEqual(['writer', 'writer'])
      const { rows } = await sql`select a from t`.execute(storage.db)
      expect(rows).toEqual([{ a: 2 }])
    },
  },
  {
    name: 'C1 pragmas of the user reach the writer and every reader',
    async run({ open }) {
      const pragmas = { cache_size: -4321, synchronous: 'FULL', foreign_keys: 0, journal_size_limit: 65_536 }
      const storage = await open({ pragmas })
      expect(await pragmasOfWriter(storage)).toMatchObject({ ...writer, ...pragmas, synchronous: 2 })
      expect(await pragmaValues(storage.db)).toMatchObject({ cache_size: -4321, foreign_keys: 0 })
      const second = await openStream(storage.db)
      expect(second.values).toMatchObject({ cache_size: -4321, foreign_keys: 0 })
      await second.end()
    },
  },
  {
    name: 'C1 a pragma that the contract owns is refused when options are given, before anything is opened',
    async run(context) {
      const { connector, opened } = await observedConnector(context)
      for (const name of ['busy_timeout', 'query_only', 'locking_mode']) {
        const options = { connector, pragmas: { [name]: 1 } }
        await expect(context.open(options)).rejects.toThrow(ConfigError)
        await expect(context.open(options)).rejects.toThrow(`Cannot set pragma '${name}' as unbusy owns it`)
        expect(() => new UnbusyDialect(options)).toThrow(ConfigError)
      }
      expect(opened).toEqual([])
    },
  },
  {
    name: 'C1 a pragma that the contract owns is refused as raw SQL and in onConnection; reading it is not',
    async run({ open }) {
      const storage = await open()
      const set = sql`pragma busy_timeout = 5000`
      await expect(set.execute(storage.db)).rejects.toThrow(ConfigError)
      await expect(storage.db.connection().execute((db) => set.execute(db))).rejects.toThrow(ConfigError)
      await expect(storage.write((trx) => set.execute(trx))).rejects.toThrow(ConfigError)
      for (const text of [
        'PRAGMA main.query_only(0)',
        '/* */ pragma Locking_Mode=exclusive',
        'explain pragma query_only=0',
      ]) {
        await expect(sql.raw(text).execute(storage.db)).rejects.toThrow(ConfigError)
      }
      expect((await sql`pragma busy_timeout`.execute(storage.db)).rows).toEqual([{ timeout: 0 }])
      const opening = open({ onConnection: (connection) => connection.exec('pragma busy_timeout = 5000') })
      await expect(opening).rejects.toThrow("Cannot set pragma 'busy_timeout' as unbusy owns it")
    },
  },
  {
    name: 'C1 a pragma that this SQLite does not know is a ConfigError: SQLite itself says nothing',
    async run({ open }) {
      const opening = open({ pragmas: { sychronous: 'full' } })
      await expect(opening).rejects.toThrow(ConfigError)
      await expect(opening).rejects.toThrow(
        "Cannot set pragma 'sychronous' as this SQLite has none of that name",
      )
    },
  },
  {
    name: 'C1 a pragma that shapes a new file is set before the file is created',
    async run({ open }) {
      const storage = await open({ pragmas: { page_size: 8192, auto_vacuum: 'incremental' } })
      expect((await sql`pragma page_size`.execute(storage.db)).rows).toEqual([{ page_size: 8192 }])
      expect((await sql`pragma auto_vacuum`.execute(storage.db)).rows).toEqual([{ auto_vacuum: 2 }])
      expect(await pragmasOfWriter(storage)).toMatchObject(writer)
    },
  },
  {
    name: 'C1 a word with a hyphen in it is a value like others',
    async run({ open }) {
      const storage = await open({ pragmas: { encoding: 'UTF-16le', cache_size: '-1024' } })
      expect((await sql`pragma encoding`.execute(storage.db)).rows).toEqual([{ encoding: 'UTF-16le' }])
      expect((await sql`pragma cache_size`.execute(storage.db)).rows).toEqual([{ cache_size: -1024 }])
      expect(await pragmasOfWriter(storage)).toMatchObject(writer)
    },
  },
  {
    name: 'C1 :memory: has the pragmas of the writer on its only connection',
    async run({ openInMemory }) {
      const storage = await openInMemory()
      const wanted = { busy_timeout: 0, journal_mode: 'memory', foreign_keys: 1, query_only: 0 }
      expect(await pragmaValues(storage.db)).toMatchObject(wanted)
    },
  },
  {
    name: 'C1 UnbusyDialect initializes like openStorage',
    async run({ connector, path }) {
      const { Kysely } = await import('kysely')
      const dialect = new UnbusyDialect({
        connector: await connectorTo(connector, path),
        onWarning: () => {},
      })
      await using db = new Kysely<AnyDatabase>({ dialect })
      expect(await db.transaction().execute((trx) => pragmaValues(trx))).toMatchObject(writer)
      expect(await pragmaValues(db)).toMatchObject(reader)
    },
  },
]

describeContract('pragmas', cases)
