/** The names of SQLite's result codes, and which of them are worth waiting for: https://www.sqlite.org/rescode.html */
import { resultCodeName, resultCodeOf } from 'unbusy'
import { describe, expect, it } from 'vitest'
import { isLockBusy, isSnapshotStale } from '../../src/result-code.ts'

const names: readonly (readonly [code: number, name: string])[] = [
  [0, 'SQLITE_OK'],
  [5, 'SQLITE_BUSY'],
  [261, 'SQLITE_BUSY_RECOVERY'],
  [517, 'SQLITE_BUSY_SNAPSHOT'],
  [773, 'SQLITE_BUSY_TIMEOUT'],
  [8, 'SQLITE_READONLY'],
  [1544, 'SQLITE_READONLY_DIRECTORY'],
  [516, 'SQLITE_ABORT_ROLLBACK'],
  [778, 'SQLITE_IOERR_WRITE'],
  [3850, 'SQLITE_IOERR_LOCK'],
  [8458, 'SQLITE_IOERR_CORRUPTFS'],
  [13, 'SQLITE_FULL'],
  [1294, 'SQLITE_CANTOPEN_DIRTYWAL'],
  [15, 'SQLITE_PROTOCOL'],
  [275, 'SQLITE_CONSTRAINT_CHECK'],
  [787, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
  [1299, 'SQLITE_CONSTRAINT_NOTNULL'],
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'],
  [1811, 'SQLITE_CONSTRAINT_TRIGGER'],
  [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
  [3091, 'SQLITE_CONSTRAINT_DATATYPE'],
  [26, 'SQLITE_NOTADB'],
  [539, 'SQLITE_NOTICE_RECOVER_ROLLBACK'],
  [28, 'SQLITE_WARNING'],
]

describe('resultCodeName', () => {
  it.each(names)('%d is %s', (code, name) => {
    expect(resultCodeName(code)).toBe(name)
  })

  it('gives the primary name of an extended code that is newer than this library', () => {
    expect(resultCodeName(19 | (99 << 8))).toBe('SQLITE_CONSTRAINT')
    expect(resultCodeName(99)).toBe('SQLITE_UNKNOWN_99')
  })
})

describe('resultCodeOf', () => {
  it.each([
    ['node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 517 }, 517],
    ['better-sqlite3', { code: 'SQLITE_BUSY_SNAPSHOT' }, 517],
    ['bun:sqlite', { code: 'SQLITE_BUSY_SNAPSHOT', errno: 517 }, 517],
    ['libsql', { code: 'SQLITE_BUSY', extendedCode: 'SQLITE_BUSY_SNAPSHOT', rawCode: 517 }, 517],
    ['this library', { extendedResultCode: 2067, code: 'SQLITE_CONSTRAINT_UNIQUE' }, 2067],
  ])('reads an error of %s', (_driver, error, code) => {
    expect(resultCodeOf(Object.assign(new Error('database is locked'), error))).toBe(code)
  })

  it.each([
    ['a system error', Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2 })],
    ['a text', 'database is locked'],
    ['an error that only says so', new Error('SQLITE_BUSY: database is locked')],
    ['nothing', undefined],
    ['null', null],
  ])('does not take %s for one of SQLite', (_what, error) => {
    expect(resultCodeOf(error)).toBeUndefined()
  })
})

describe('what is transient', () => {
  it('is a lock that is held, and a crowd that starts at once', () => {
    expect([5, 261, 773, 15].map(isLockBusy)).toEqual([true, true, true, true])
  })

  it('is neither a stale snapshot nor a constraint, a full disk, corruption, or no code at all', () => {
    expect([517, 6, 19, 2067, 13, 11, 8, 10, undefined].some(isLockBusy)).toBe(false)
    expect([517, 5, undefined].map(isSnapshotStale)).toEqual([true, false, false])
  })
})
