/**
 * Which pragmas a user may set, and to what (contract C1).
 *
 * @module
 */
import { ConfigError } from '../errors.ts'

/** Pragmas by name, such as `{ synchronous: 'FULL', cache_size: -65_536 }`. */
export type Pragmas = Readonly<Record<string, string | number>>

/** What the pragmas of a connection depend on. */
export interface PragmaOptions {
  readonly pragmas: Pragmas
  /** The database is `:memory:`: it has no journal to switch, and its only connection is the writer. */
  readonly inMemory: boolean
  /** After how many pages in the WAL the writer checkpoints by itself; asked at every init, as it changes. */
  readonly autocheckpoint?: { readonly pages: number | undefined } | undefined
}

/** Without these the contract does not hold, so they are not the user's to set. */
const owned: Readonly<Record<string, string>> = {
  busy_timeout: 'waiting happens in JavaScript: use lockTimeoutMs',
  query_only: 'it tells readers from the writer',
  locking_mode: 'an exclusive lock would shut out the readers',
}

/** What `PRAGMA synchronous` calls its levels, by their numbers. */
export const synchronousLevels: readonly string[] = ['off', 'normal', 'full', 'extra']

/** Not `off`, which most drivers refuse: what failed could not be undone, and a batch would be stored in part. */
export const journalModes: readonly string[] = ['wal', 'delete', 'truncate', 'persist', 'memory']

/** SQLite takes every other word for one of these, without a word of its own. */
const choices: Readonly<Record<string, readonly string[]>> = {
  journal_mode: journalModes,
  synchronous: [...synchronousLevels, '0', '1', '2', '3'],
  foreign_keys: ['on', 'off', 'true', 'false', 'yes', 'no', '1', '0'],
}

/**
 * Checks the names and values of pragmas before anything is opened.
 *
 * @throws {ConfigError} If a name or value is not one that SQLite's grammar takes, or the contract owns the pragma.
 */
export function checkPragmas(pragmas: Pragmas): Pragmas {
  for (const [name, value] of Object.entries(pragmas)) {
    if (!/^[a-z_]+$/.test(name)) {
      throw new ConfigError(
        `Cannot set pragma '${name}' as its name must be lower-case letters and underscores`,
      )
    }
    assertNotOwned(name)
    const isNumber = typeof value === 'number' && Number.isSafeInteger(value)
    const isWord = typeof value === 'string' && /^(-?\d+|0x[\da-f]+|[a-z_][\w-]*)$/i.test(value)
    if (!isNumber && !isWord) throw badValue(name, value, 'an integer or one word')
    const words = choices[name]
    if (words?.includes(String(value).toLowerCase()) === false) {
      throw badValue(name, value, `one of ${words.join(', ')}`)
    }
  }
  return pragmas
}

function badValue(name: string, value: unknown, rule: string): ConfigError {
  return new ConfigError(
    `Cannot set pragma '${name}' as its value must be ${rule}: current value is ${value}`,
  )
}

/** @throws {ConfigError} If the contract owns this pragma. */
export function assertNotOwned(name: string): void {
  const reason = owned[name]
  if (reason !== undefined) throw new ConfigError(`Cannot set pragma '${name}' as unbusy owns it: ${reason}`)
}
