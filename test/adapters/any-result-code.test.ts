/** Errors as drivers throw them that this library does not know. */
import { expect, test } from 'vitest'
import { anyResultCodeOf } from '../../adapters/_any-result-code.ts'
import { OpenError } from '../../src/errors.ts'

const error = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields)

const known: readonly (readonly [what: string, error: unknown, code: number])[] = [
  ['better-sqlite3', error('database is locked', { code: 'SQLITE_BUSY' }), 5],
  ['node:sqlite', error('database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 517 }), 517],
  ['bun:sqlite', error('no', { code: 'SQLITE_CONSTRAINT_UNIQUE', errno: 2067 }), 2067],
  ['sqlite3 of npm', error('SQLITE_BUSY: database is locked', { code: 'SQLITE_BUSY', errno: 5 }), 5],
  [
    'a primary code beside the name of the exact one',
    error('no', { code: 'SQLITE_BUSY', extendedCode: 'SQLITE_BUSY_SNAPSHOT' }),
    517,
  ],
  ['the official wasm build', error('SQLITE_BUSY: sqlite3 result code 5', { resultCode: 5 }), 5],
  ['wa-sqlite', error('database is locked', { name: 'SQLiteError', code: 5 }), 5],
  ['a worker that passes the text alone', error('SQLITE_CONSTRAINT_UNIQUE: sqlite3 result code 2067'), 2067],
  ['a text without a name', error('database is locked'), 5],
  ['the text of a lock of its own', error('database table is locked'), 6],
  ['a text behind words of a driver', error('Error code 5: database is locked'), 5],
  ['a constraint by its text', error('UNIQUE constraint failed: note.text'), 2067],
  ['an error that wraps SQLite’s', error('query failed', { cause: error('', { errcode: 787 }) }), 787],
]

test.each(known)('anyResultCodeOf() reads that of %s', (_, thrown, code) => {
  expect(anyResultCodeOf(thrown)).toBe(code)
})

const circle = error('round and round')
circle.cause = circle

const unknown: readonly (readonly [what: string, error: unknown])[] = [
  ['undefined', undefined],
  ['a text', 'database is locked'],
  ['another error', new TypeError('x is not a function')],
  ['an abort, whose code is a number', new DOMException('aborted', 'AbortError')],
  ['a system error, whose errno is a number', error('ENOENT', { code: 'ENOENT', errno: -2 })],
  ['words of the user that hold a known text', error('the list of notes: database is locked by Ann')],
  ['errors that wrap each other in a circle', circle],
  ['an error of this library with a cause', new OpenError('no', { cause: error('', { errcode: 8 }) })],
]

test.each(unknown)('anyResultCodeOf() finds none in %s', (_, thrown) => {
  expect(anyResultCodeOf(thrown)).toBeUndefined()
})

test('limit: from the text alone a stale snapshot is taken for a lock', () => {
  expect(anyResultCodeOf(error('database is locked', { reason: 'BUSY_SNAPSHOT' }))).toBe(5)
})
