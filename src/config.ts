/**
 * The options of `openStorage()` that come from outside the program: the database URL and the environment.
 * They are checked here, so that a bad value fails with the name of its variable and before anything is
 * opened.
 *
 * @module
 */
import { journalModes, synchronousLevels } from './connection/pragma-rules.ts'
import { ConfigError } from './errors.ts'
import { parseDatabaseUrl } from './options/database-url.ts'

export { type DatabaseLocation, parseDatabaseUrl } from './options/database-url.ts'

/** Which driver to use. Each is the name of a package entry, `unbusy/<name>`. */
export type DialectName = 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite' | 'libsql' | 'libsql-web' | 'd1'

/** What {@linkcode storageOptionsFromEnv} found. What is not set is absent. */
export interface EnvStorageOptions {
  /** `DATABASE_URL`, which {@linkcode parseDatabaseUrl} can read. */
  readonly url?: string
  /** `DATABASE_DIALECT`. */
  readonly dialect?: DialectName
  /** `DATABASE_AUTH_TOKEN`, for a remote database. */
  readonly authToken?: string
  /** `SQLITE_LOCK_TIMEOUT_MS`, in milliseconds. */
  readonly lockTimeoutMs?: number
  /** `SQLITE_CHECKPOINT_WAL_BYTES`: the size of the WAL, in bytes, at which it is checkpointed. */
  readonly checkpointWalBytes?: number
  /**
   * `SQLITE_JOURNAL_MODE`, `SQLITE_SYNCHRONOUS`, `SQLITE_CACHE_SIZE_KIB` (as a negative `cache_size`, which
   * SQLite takes in KiB) and `SQLITE_JOURNAL_SIZE_LIMIT_BYTES`, by the names of their pragmas; absent if none
   * of them is set.
   */
  readonly pragmas?: Readonly<Record<string, string | number>>
}

type Env = Readonly<Record<string, string | undefined>>

const dialectNames: readonly DialectName[] = [
  'better-sqlite3',
  'node-sqlite',
  'bun-sqlite',
  'libsql',
  'libsql-web',
  'd1',
]

/** SQLite keeps `cache_size`, and timers keep a delay, in 32 bits. */
const largestInt32 = 2 ** 31 - 1

/**
 * Reads the options of `openStorage()` from environment variables: `DATABASE_URL`, `DATABASE_DIALECT`,
 * `DATABASE_AUTH_TOKEN`, `SQLITE_LOCK_TIMEOUT_MS`, `SQLITE_JOURNAL_MODE`, `SQLITE_SYNCHRONOUS`,
 * `SQLITE_CACHE_SIZE_KIB`, `SQLITE_JOURNAL_SIZE_LIMIT_BYTES` and `SQLITE_CHECKPOINT_WAL_BYTES`. A variable
 * that is empty counts as not set.
 *
 * @throws {ConfigError} If a value cannot be used. The message names the variable, its value and what it
 *   must be; of `DATABASE_URL` it shows no credentials, of `DATABASE_AUTH_TOKEN` nothing.
 * @example
 * ```ts
 * storageOptionsFromEnv({ DATABASE_URL: 'file:./app.db', SQLITE_SYNCHRONOUS: 'FULL' })
 * // { url: 'file:./app.db', pragmas: { synchronous: 'full' } }
 * ```
 */
export function storageOptionsFromEnv(env: Env): EnvStorageOptions {
  const url = textOf(env, 'DATABASE_URL')
  if (url !== undefined) parseDatabaseUrl(url, 'DATABASE_URL')
  const cacheSizeKib = wholeNumberOf(env, 'SQLITE_CACHE_SIZE_KIB', 1, largestInt32)
  const pragmas = withoutUnset({
    journal_mode: choiceOf(env, 'SQLITE_JOURNAL_MODE', journalModes),
    synchronous: synchronousOf(env),
    cache_size: cacheSizeKib === undefined ? undefined : -cacheSizeKib,
    journal_size_limit: wholeNumberOf(env, 'SQLITE_JOURNAL_SIZE_LIMIT_BYTES', -1, Number.MAX_SAFE_INTEGER),
  })
  return withoutUnset({
    url,
    dialect: choiceOf(env, 'DATABASE_DIALECT', dialectNames),
    authToken: authTokenOf(env),
    lockTimeoutMs: wholeNumberOf(env, 'SQLITE_LOCK_TIMEOUT_MS', 0, largestInt32),
    checkpointWalBytes: wholeNumberOf(env, 'SQLITE_CHECKPOINT_WAL_BYTES', 1, Number.MAX_SAFE_INTEGER),
    pragmas: Object.keys(pragmas).length === 0 ? undefined : pragmas,
  })
}

function textOf(env: Env, name: string): string | undefined {
  const value: unknown = env[name]
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  // The variables of a Worker may be JSON.
  throw new ConfigError(`Cannot use ${name} as it must be a string: it is of type ${typeof value}`)
}

function authTokenOf(env: Env): string | undefined {
  const token = textOf(env, 'DATABASE_AUTH_TOKEN')
  // HTTP clients refuse it as a header and print it while they do.
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  const what = 'it has white space, a line end or characters beyond ASCII in it'
  throw new ConfigError(`Cannot use DATABASE_AUTH_TOKEN as ${what}: it must be the token alone`)
}

function wholeNumberOf(env: Env, name: string, least: number, most: number): number | undefined {
  const text = textOf(env, name)
  if (text === undefined) return undefined
  const value = Number(text)
  // Number() also reads '1e3', '0x10' and ' 5 '. Such a value is rather a slip than meant.
  if (/^(0|-?[1-9]\d*)$/.test(text) && value >= least && value <= most) return value
  throw badValue(name, text, `a whole number from ${least} to ${most}`)
}

function choiceOf<Choice extends string>(
  env: Env,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const text = textOf(env, name)
  if (text === undefined) return undefined
  const choice = choices.find((each) => each === text.toLowerCase())
  if (choice !== undefined) return choice
  throw badValue(name, text, `one of ${choices.join(', ')}`)
}

function synchronousOf(env: Env): string | undefined {
  const name = 'SQLITE_SYNCHRONOUS'
  const text = textOf(env, name)
  const level = text !== undefined && /^[0-3]$/.test(text) ? synchronousLevels[Number(text)] : undefined
  return level ?? choiceOf(env, name, synchronousLevels)
}

function badValue(name: string, value: string, rule: string): ConfigError {
  return new ConfigError(
    `Cannot use ${name} as it must be ${rule}: current value is ${JSON.stringify(value)}`,
  )
}

type WithoutUnset<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

function withoutUnset<T extends object>(options: T): WithoutUnset<T> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as WithoutUnset<T>
}
