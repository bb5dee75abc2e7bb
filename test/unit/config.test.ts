/**
 * Database URLs and environment variables, case by case, and that no error shows a secret.
 *
 * @module
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type EnvStorageOptions, parseDatabaseUrl, storageOptionsFromEnv } from '../../src/config.ts'
import { ConfigError } from '../../src/errors.ts'

describe('parseDatabaseUrl() reads a file from', () => {
  test.each<readonly [url: string, path: string]>([
    ['file:app.db', 'app.db'],
    ['file:./app.db', './app.db'],
    ['file:../data/app.db', '../data/app.db'],
    ['file:/x/app.db', '/x/app.db'],
    ['file:///x/app.db', '/x/app.db'],
    ['file://localhost/x/app.db', '/x/app.db'],
    ['FILE://LocalHost/x/app.db', '/x/app.db'],
    ['file:////x', '//x'],
    ['file:my%20app%23%3F%25.db', 'my app#?%.db'],
    ['file:%C3%A9é.db', 'éé.db'],
    ['file:app.db%20', 'app.db '],
    ['file:a@b:c.db', 'a@b:c.db'],
    ['file:./file:app.db', './file:app.db'],
    ['file:C:/data/app.db', 'C:/data/app.db'],
    ['file:C:\\data\\app.db', 'C:\\data\\app.db'],
    ['file:/C:/data/app.db', 'C:/data/app.db'],
    ['file:///C:/data/app.db', 'C:/data/app.db'],
    ['file:./:memory:', './:memory:'],
    ['app.db', 'app.db'],
    ['./app.db', './app.db'],
    ['/x/app.db', '/x/app.db'],
    ['C:\\data\\app.db', 'C:\\data\\app.db'],
    ['c:/data/app.db', 'c:/data/app.db'],
    ['C:app.db', 'C:app.db'],
    ['100%.db', '100%.db'],
    ['my%20app.db', 'my%20app.db'],
    ['app.db?mode=ro#x', 'app.db?mode=ro#x'],
    ['my app.db', 'my app.db'],
    ['./data:2026.db', './data:2026.db'],
    ['memory', 'memory'],
  ])('%j', (url, path) => {
    expect(parseDatabaseUrl(url)).toEqual({ kind: 'file', path })
  })

  test('any path that was percent-encoded', () => {
    const path = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => text.isWellFormed() && !text.includes('\0'))

    fc.assert(
      fc.property(path, (name) => {
        const url = `file:./${encodeURIComponent(name)}`

        expect(parseDatabaseUrl(url)).toEqual({ kind: 'file', path: `./${name}` })
      }),
    )
  })
})

describe('parseDatabaseUrl() reads a database in memory from', () => {
  test.each([':memory:', 'file::memory:', 'FILE::memory:', 'file:%3Amemory%3A'])('%j', (url) => {
    expect(parseDatabaseUrl(url)).toEqual({ kind: 'memory' })
  })
})

describe('parseDatabaseUrl() leaves a remote URL as it is:', () => {
  test.each([
    'libsql://db.example.com',
    'https://db.example.com/name/',
    'http://127.0.0.1:8080',
    'wss://db.example.com',
    'ws://localhost:8080',
    'LIBSQL://db.example.com?authToken=secret&tls=0',
  ])('%j', (url) => {
    expect(parseDatabaseUrl(url)).toEqual({ kind: 'remote', url })
  })
})

describe('parseDatabaseUrl() refuses', () => {
  test.each<readonly [url: unknown, message: RegExp]>([
    ['', /it is empty: it must be a path, a file: URL/],
    [' \t\n', /it is empty/],
    [' app.db', /begins or ends with white space/],
    ['file:app.db\n', /begins or ends with white space/],
    [undefined, /it is of type undefined: it must be a string/],
    [null, /it is of type object/],
    [7, /it is of type number/],
    ['app\0.db', /U\+0000/],
    ['file:', /it has no path: it must be like file:app\.db/],
    ['file://', /it has no path/],
    ['file://localhost', /it has no path/],
    ['file://app.db', /file: URL with a host: it must be like file:app\.db/],
    ['file://server/share/app.db', /with a host/],
    [
      'file:app.db?mode=ro',
      /query parameters: options go into openStorage\(\), and %3F is the \? of a file name/,
    ],
    ['file:app.db?', /query parameters/],
    ['file::memory:?cache=shared', /query parameters/],
    ['file:///x/app.db#x', /a fragment: options go into openStorage\(\), and %23 is the # of a file name/],
    ['file:app%00.db', /%00/],
    ['file:100%.db', /percent-encoding is malformed: .* %25/],
    ['file:%zz', /percent-encoding is malformed/],
    ['file:%FF', /percent-encoding is malformed/],
    ['file:file:app.db', /its path begins with "file:"/],
    ['file:%66ile:app.db', /its path begins with "file:"/],
    ['postgres://localhost/app', /its scheme is "postgres:": it must be a path/],
    ['mysql:app', /its scheme is "mysql:"/],
    ['sqlite:app.db', /its scheme is "sqlite:"/],
    ['data:2026.db', /\(a file of that name is \.\/data:…\)/],
    ['libsql:', /it has no host: a libsql: URL must begin with libsql:\/\/host/],
    ['https://', /it has no host/],
    ['https:///name', /it has no host/],
    ['ws:localhost', /it has no host/],
  ])('%j', (url, message) => {
    expect(() => parseDatabaseUrl(url as string)).toThrow(ConfigError)
    expect(() => parseDatabaseUrl(url as string)).toThrow(message)
    expect(() => parseDatabaseUrl(url as string)).toThrow(/^Cannot use the database URL as .*[^.]$/)
  })
})

describe('no error shows', () => {
  test('the credentials or the query of a URL', () => {
    const secret = 'xSECRETx'
    const urls = fc
      .tuple(
        fc.constantFrom(
          'postgres://',
          'postgres:',
          'libsql:',
          'libsql:///',
          'https://',
          'file://',
          'file:///',
          'file:',
          ' ',
        ),
        fc.constantFrom('', 'user:', 'user@', '?', '#', '%', 'a/', '@'),
        fc.constantFrom('', '@host/db', '?x', '@', '/p@ss', '%zz', '\0', ' '),
      )
      .map(([scheme, before, after]) => `${scheme}${before}${secret}${after}`)

    fc.assert(
      fc.property(urls, (url) => {
        expect(messageOf(() => parseDatabaseUrl(url))).not.toContain(secret)
        expect(messageOf(() => storageOptionsFromEnv({ DATABASE_URL: url }))).not.toContain(secret)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each(['xSECRETx\n', 'Bearer xSECRETx', 'xSECRETxé'])('the auth token %j', (token) => {
    const message = messageOf(() => storageOptionsFromEnv({ DATABASE_AUTH_TOKEN: token }))

    expect(message).toMatch(/^Cannot use DATABASE_AUTH_TOKEN as .* it must be the token alone$/)
    expect(message).not.toContain('SECRET')
  })
})

describe('storageOptionsFromEnv() reads', () => {
  test.each<readonly [env: Record<string, string | undefined>, options: EnvStorageOptions]>([
    [{}, {}],
    [
      { DATABASE_URL: '', DATABASE_DIALECT: undefined, SQLITE_JOURNAL_MODE: '', SQLITE_CACHE_SIZE_KIB: '' },
      {},
    ],
    [{ PATH: '/bin', SQLITE_TMPDIR: '/tmp' }, {}],
    [{ DATABASE_URL: 'file:./app.db' }, { url: 'file:./app.db' }],
    [{ DATABASE_DIALECT: 'bun-sqlite' }, { dialect: 'bun-sqlite' }],
    [{ DATABASE_AUTH_TOKEN: 'ey.J_-=' }, { authToken: 'ey.J_-=' }],
    [{ SQLITE_LOCK_TIMEOUT_MS: '0' }, { lockTimeoutMs: 0 }],
    [{ SQLITE_LOCK_TIMEOUT_MS: '5000' }, { lockTimeoutMs: 5_000 }],
    [{ SQLITE_CHECKPOINT_WAL_BYTES: '4194304' }, { checkpointWalBytes: 4_194_304 }],
    [{ SQLITE_JOURNAL_MODE: 'DELETE' }, { pragmas: { journal_mode: 'delete' } }],
    [{ SQLITE_SYNCHRONOUS: 'Full' }, { pragmas: { synchronous: 'full' } }],
    [{ SQLITE_SYNCHRONOUS: '1' }, { pragmas: { synchronous: 'normal' } }],
    [{ SQLITE_CACHE_SIZE_KIB: '65536' }, { pragmas: { cache_size: -65_536 } }],
    [{ SQLITE_JOURNAL_SIZE_LIMIT_BYTES: '-1' }, { pragmas: { journal_size_limit: -1 } }],
    [
      {
        DATABASE_URL: 'libsql://db.example.com',
        DATABASE_DIALECT: 'libsql-web',
        DATABASE_AUTH_TOKEN: 'token',
        SQLITE_LOCK_TIMEOUT_MS: '1',
        SQLITE_JOURNAL_MODE: 'wal',
        SQLITE_SYNCHRONOUS: 'extra',
        SQLITE_CACHE_SIZE_KIB: '1',
        SQLITE_JOURNAL_SIZE_LIMIT_BYTES: '0',
        SQLITE_CHECKPOINT_WAL_BYTES: '1',
      },
      {
        url: 'libsql://db.example.com',
        dialect: 'libsql-web',
        authToken: 'token',
        lockTimeoutMs: 1,
        checkpointWalBytes: 1,
        pragmas: { journal_mode: 'wal', synchronous: 'extra', cache_size: -1, journal_size_limit: 0 },
      },
    ],
  ])('%j', (env, options) => {
    expect(storageOptionsFromEnv(env)).toStrictEqual(options)
  })
})

describe('storageOptionsFromEnv() refuses', () => {
  const dialects = 'better-sqlite3, node-sqlite, bun-sqlite, libsql, libsql-web, d1'

  test.each<readonly [name: string, value: string, rule: string]>([
    ['DATABASE_DIALECT', 'sqlite', `one of ${dialects}`],
    ['SQLITE_JOURNAL_MODE', 'off', 'one of wal, delete, truncate, persist, memory'],
    ['SQLITE_SYNCHRONOUS', '4', 'one of off, normal, full, extra'],
    ['SQLITE_SYNCHRONOUS', 'on', 'one of off, normal, full, extra'],
    ['SQLITE_LOCK_TIMEOUT_MS', '-1', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', '5s', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', ' 5', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', '1e3', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', '0x10', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', '1.5', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', 'Infinity', 'a whole number from 0 to 2147483647'],
    ['SQLITE_LOCK_TIMEOUT_MS', '2147483648', 'a whole number from 0 to 2147483647'],
    ['SQLITE_CACHE_SIZE_KIB', '0', 'a whole number from 1 to 2147483647'],
    ['SQLITE_JOURNAL_SIZE_LIMIT_BYTES', '-2', 'a whole number from -1 to 9007199254740991'],
    ['SQLITE_CHECKPOINT_WAL_BYTES', '0', 'a whole number from 1 to 9007199254740991'],
  ])('%s %j', (name, value, rule) => {
    const read = () => storageOptionsFromEnv({ [name]: value })

    expect(read).toThrow(ConfigError)
    expect(messageOf(read)).toBe(
      `Cannot use ${name} as it must be ${rule}: current value is ${JSON.stringify(value)}`,
    )
  })

  test('a DATABASE_URL that parseDatabaseUrl() refuses, by the name of the variable', () => {
    const read = () => storageOptionsFromEnv({ DATABASE_URL: 'file:app.db?mode=ro' })

    expect(read).toThrow(ConfigError)
    expect(read).toThrow(/^Cannot use DATABASE_URL as it is a file: URL with query parameters/)
  })

  test('a value that is no string, as the variables of a Worker may be', () => {
    const env = { SQLITE_LOCK_TIMEOUT_MS: 5_000 } as unknown as Record<string, string>

    const read = () => storageOptionsFromEnv(env)

    expect(read).toThrow('Cannot use SQLITE_LOCK_TIMEOUT_MS as it must be a string: it is of type number')
  })
})

/** The message of the error, or nothing if there is none. */
function messageOf(action: () => unknown): string {
  try {
    action()
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
