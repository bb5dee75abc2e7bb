/**
 * `faultOf()` by class and code, and `writeIsolating()` on random sets of bad items.
 *
 * @module
 */
import fc from 'fast-check'
import {
  BulkWriteError,
  ConstraintError,
  CorruptDatabaseError,
  FileReplacedError,
  InvalidStatementError,
  LockTimeoutError,
  QueueFullError,
  SqliteError,
  StorageClosedError,
} from 'unbusy'
import { describe, expect, test } from 'vitest'
import { type Fault, faultOf, writeIsolating } from '../../src/buffers/poison.ts'

const failure = { failed: [1, 2], untried: [3], total: 4, changes: 1 }
const report = { waitedMs: 1, attempts: 1 }
const locked = new LockTimeoutError('The database stayed locked', report, {
  cause: new SqliteError('database is locked', 5),
})
const refused = new ConstraintError('UNIQUE constraint failed', 2067)

const faults: readonly (readonly [error: unknown, Fault])[] = [
  [refused, 'row'],
  [new InvalidStatementError('Cannot bind parameter 1 as it is undefined'), 'row'],
  [new SqliteError('string or blob too big', 18), 'row'],
  [new SqliteError('datatype mismatch', 20), 'row'],
  [new BulkWriteError(failure, { cause: refused }), 'row'],
  [Object.assign(new Error('CHECK'), { code: 'SQLITE_CONSTRAINT_CHECK' }), 'row'],
  [new SqliteError('no such table: t', 1), 'statement'],
  [new TypeError('value.at is undefined'), 'statement'],
  [undefined, 'statement'],
  [locked, 'passing'],
  [new LockTimeoutError('The write waited behind others', report), 'passing'],
  [new BulkWriteError(failure, { cause: locked }), 'passing'],
  [new QueueFullError('full'), 'passing'],
  [new StorageClosedError('closed'), 'passing'],
  [new DOMException('aborted', 'AbortError'), 'passing'],
  [new DOMException('late', 'TimeoutError'), 'passing'],
  // CORRUPT, NOTADB
  [new CorruptDatabaseError('', 11), 'storage'],
  [new SqliteError('', 26), 'storage'],
  [new FileReplacedError('Gone', { file: 'app.db-wal', change: 'deleted' }), 'storage'],
  // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL, SCHEMA
  ...[5, 517, 6, 7, 8, 9, 10, 778, 13, 14, 15, 17].map(
    (code) => [new SqliteError('', code), 'passing'] as const,
  ),
]

describe('faultOf()', () => {
  test.each(faults)('of %s is %s', (error, fault) => {
    expect(faultOf(error)).toBe(fault)
  })
})

describe('writeIsolating()', () => {
  const missing = new SqliteError('no such column: nothing', 1)

  test('finds bad items whose fault may be that of the statement, also many in front of the good ones', async () => {
    const items = Array.from({ length: 100 }, (_, index) => index)
    for (const badCount of [1, 8, 9, 40]) {
      const written: number[] = []
      const { poison, failure } = await writeIsolating(items, async (part) => {
        if (part.some((item) => item < badCount)) throw missing
        written.push(...part)
      })
      expect([...written].sort((a, b) => a - b)).toEqual(items.slice(badCount))
      expect(new Set(poison.map(({ item }) => item))).toEqual(new Set(items.slice(0, badCount)))
      expect(failure).toBeUndefined()
    }
  })

  test('finds the good ones among them in the end, also where every part of the rest has a bad one', async () => {
    const items = Array.from({ length: 100 }, (_, index) => index)
    const isGood = (item: number): boolean => item > 8 && item % 20 === 0
    const written: number[] = []
    const write = async (part: readonly number[]): Promise<void> => {
      if (!part.every(isGood)) throw missing
      written.push(...part)
    }
    let failures = 0
    let result = await writeIsolating(items, write, failures)
    while (result.failure !== undefined && failures < 100)
      result = await writeIsolating(items, write, ++failures)

    expect([...written].sort((a, b) => a - b)).toEqual(items.filter(isGood))
    expect(result.poison).toHaveLength(items.length - written.length)
  })

  test('stops at what will pass, also while it tries again what failed alone', async () => {
    const items = Array.from({ length: 21 }, (_, index) => index)
    const failedAlone = new Set<number>()
    let waits = 0
    const { poison, failure } = await writeIsolating(items, async (part) => {
      const [first = 0] = part
      if (failedAlone.has(first)) {
        waits++
        throw locked
      }
      if (part.length === 1 && first > 0) failedAlone.add(first)
      if (part.some((item) => item > 0)) throw missing
    })

    expect(failure).toEqual({ error: locked, fault: 'passing' })
    expect(waits).toBe(1)
    expect(poison).toEqual([])
  })

  test('writes all but the bad ones, each once and in order, with few calls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.uniqueArray(fc.nat({ max: 299 })),
        async (size, bad) => {
          const items = Array.from({ length: size }, (_, index) => index)
          const isBad = new Set(bad)
          const written: number[] = []
          let calls = 0
          const result = await writeIsolating(items, async (part) => {
            calls++
            if (part.some((item) => isBad.has(item))) throw refused
            written.push(...part)
          })
          expect(written).toEqual(items.filter((item) => !isBad.has(item)))
          expect(result.poison.map(({ item }) => item)).toEqual(items.filter((item) => isBad.has(item)))
          expect(result.failure).toBeUndefined()
          const depth = Math.ceil(Math.log2(size)) + 1
          expect(calls).toBeLessThanOrEqual(1 + 2 * depth * result.poison.length)
        },
      ),
    )
  })
})
