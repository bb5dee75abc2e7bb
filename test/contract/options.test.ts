/** C1: a bad option is refused at construction, before anything is opened, with a sentence that says what it must be. */
import { CompiledQuery } from 'kysely'
import {
  ConfigError,
  openStorage,
  retryWhileBusy,
  type Storage,
  type StorageOptions,
  UnbusyDialect,
} from 'unbusy'
import { expect } from 'vitest'
import { type AnyDatabase, type ContractCase, describeContract } from './case.ts'
import { observedConnector } from './observed-connector.ts'
import { run } from './run-sql.ts'

type BadOption = readonly [
  options: Record<string, unknown>,
  ErrorClass: new (message: string) => Error,
  sentence: string,
]

const badOptions: readonly BadOption[] = [
  [
    { connector: undefined },
    ConfigError,
    "without a connector: pass one, or use openStorage of 'unbusy/auto'",
  ],
  [
    { connector: 'file:app.db' },
    ConfigError,
    "without a connector: pass one, or use openStorage of 'unbusy/auto'",
  ],
  [{ lockTimeoutMs: -1 }, RangeError, 'lockTimeoutMs must be a number >= 0: current value is -1'],
  [{ lockTimeoutMs: Number.NaN }, RangeError, 'lockTimeoutMs must be a number >= 0: current value is NaN'],
  [{ lockTimeoutMs: '5' }, RangeError, 'lockTimeoutMs must be a number >= 0: current value is 5 (string)'],
  [
    { lockTimeoutMs: { control: '5' } },
    RangeError,
    'lockTimeoutMs must be a number >= 0: current value is 5 (string)',
  ],
  [{ maxQueuedWrites: '10' }, RangeError, 'must be an integer >= 1: current value is 10 (string)'],
  [{ transactionWarnMs: '9' }, RangeError, 'must be a number >= 1: current value is 9 (string)'],
  [{ drainTimeoutMs: -1 }, RangeError, 'drainTimeoutMs must be an integer >= 0: current value is -1'],
  [{ maxReaders: 1 }, RangeError, 'maxReaders must be an integer >= 2: current value is 1'],
  [
    { maxCachedStatements: 1.5 },
    RangeError,
    'maxCachedStatements must be an integer >= 0: current value is 1.5',
  ],
  [
    { integers: 'number' },
    ConfigError,
    'integers must be one of auto, bigint, strict: current value is number',
  ],
  [
    { integerBinding: 'real' },
    ConfigError,
    'integerBinding must be one of integer, driver: current value is real',
  ],
  [{ checkpointWalBytes: 0 }, RangeError, 'checkpointWalBytes must be an integer >= 1: current value is 0'],
  [
    { checkpoint: 'truncate' },
    ConfigError,
    'checkpoint must be one of auto, passive, off: current value is truncate',
  ],
  [{ onConnection: 'sql' }, ConfigError, 'onConnection must be a function'],
  [{ transactionWarnMs: 0 }, RangeError, 'transactionWarnMs must be a number >= 1: current value is 0'],
  [
    { maxTransactionMs: Number.NaN },
    RangeError,
    'maxTransactionMs must be a number >= 1: current value is NaN',
  ],
  [{ onWarning: 'sql' }, ConfigError, 'onWarning must be a function'],
  [{ pragmas: { 'Cache Size': 1 } }, ConfigError, 'its name must be lower-case letters and underscores'],
  [
    { pragmas: { cache_size: 1.5 } },
    ConfigError,
    'its value must be an integer or one word: current value is 1.5',
  ],
  [
    { pragmas: { cache_size: true } },
    ConfigError,
    'its value must be an integer or one word: current value is true',
  ],
  [{ pragmas: { cache_size: '1; drop table t' } }, ConfigError, 'its value must be an integer or one word'],
  [
    { pragmas: { journal_mode: 'off' } },
    ConfigError,
    'must be one of wal, delete, truncate, persist, memory: current value is off',
  ],
  [{ pragmas: { cache_size: '64kb' } }, ConfigError, 'its value must be an integer or one word'],
  [{ pragmas: { synchronous: 'ful' } }, ConfigError, 'must be one of off, normal, full, extra, 0, 1, 2, 3'],
  [{ pragmas: { foreign_keys: 2 } }, ConfigError, 'must be one of on, off, true, false, yes, no, 1, 0'],
  [{ pragmas: { busy_timeout: 5 } }, ConfigError, 'waiting happens in JavaScript: use lockTimeoutMs'],
  [{ pragmas: { query_only: 1 } }, ConfigError, 'it tells readers from the writer'],
  [{ pragmas: { locking_mode: 'exclusive' } }, ConfigError, 'an exclusive lock would shut out the readers'],
]

const cases: ContractCase[] = badOptions.map(([options, ErrorClass, sentence]) => ({
  name: `C1 ${describe(options)} is refused`,
  async run(context) {
    const { connector, opened } = await observedConnector(context)
    const bad = { connector, ...options } as unknown as StorageOptions
    expect(() => new UnbusyDialect(bad)).toThrow(ErrorClass)
    expect(() => new UnbusyDialect(bad)).toThrow(sentence)
    await expect(openStorage(bad)).rejects.toThrow(ErrorClass)
    await expect(openStorage(bad)).rejects.toThrow(sentence)
    expect(opened).toEqual([])
  },
}))

cases.push({
  name: 'C1 a bad lockTimeoutMs of one call is refused, and the call does not run',
  async run({ open }) {
    const storage = await open()
    let ran = false
    const call = (lockTimeoutMs: number): Promise<void> =>
      storage.write(
        async () => {
          ran = true
        },
        { lockTimeoutMs },
      )
    await expect(call(-1)).rejects.toThrow(RangeError)
    await expect(call(Number.NaN)).rejects.toThrow(
      'lockTimeoutMs must be a number >= 0: current value is NaN',
    )
    expect(ran).toBe(false)
  },
})

cases.push({
  name: 'C3 a signal that is none is refused before anything runs, and holds nothing back',
  async run({ open }) {
    const storage = await open()
    await run(storage.db, 'create table note (text)')
    const added = storage.append({ table: 'note', overflow: 'wait', capacity: 1 })
    added.push({ text: 'buffered' })
    const signal = new AbortController() as unknown as AbortSignal
    const insert = CompiledQuery.raw("insert into note values ('a')")

    const calls = [
      storage.write((trx) => trx.executeQuery(insert), { signal }),
      storage.batch([insert], { signal }),
      storage.repository('note', { key: 'text' }).insertMany([{ text: 'a' }], { signal }),
      added.push({ text: 'full' }, { signal }),
      added.flush({ signal }),
      retryWhileBusy(async () => 1, { signal }),
    ]
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: 'rejected', reason: { name: 'ConfigError' } })
      expect(String((call as PromiseRejectedResult).reason)).toContain('signal must be an AbortSignal')
    }

    await added.flush()
    expect(await storage.db.selectFrom('note').selectAll().execute()).toEqual([{ text: 'buffered' }])
  },
})

cases.push({
  name: 'C1 a repository and a buffer say at once what they are not given',
  async run({ open }) {
    const storage: Storage<AnyDatabase> = await open()
    const none = {} as never

    expect(() => storage.repository('note', none)).toThrow('Cannot make a repository of note without a key')
    for (const key of [[], [undefined], { length: 1 }, () => 'id'])
      expect(() => storage.repository('note', { key: key as never })).toThrow(ConfigError)
    expect(() => storage.repository(none, { key: 'id' })).toThrow('it is of type object')
    expect(() => storage.append(none)).toThrow('it is of type undefined')
    const nothing = undefined as never
    for (const make of [() => storage.append(nothing), () => storage.coalesce(nothing)])
      expect(make).toThrow(new ConfigError('Cannot create the buffer without options'))
    await expect(openStorage(nothing)).rejects.toThrow('Cannot open storage without a connector')
    expect(() => storage.coalesce({ flush: async () => {} } as never)).toThrow('key must be a function')
    expect(() => storage.coalesce({ key: () => 1 } as never)).toThrow('flush must be a function')
  },
})

function describe(options: Record<string, unknown>): string {
  return Object.entries(options)
    .map(
      ([name, value]) =>
        `${name}: ${typeof value === 'object' ? `{ ${describe(value as typeof options)} }` : String(value)}`,
    )
    .join(', ')
}

describeContract('bad options', cases)
