/**
 * Which contract cases cannot hold on D1, and why: tier C's limits, case by case.
 *
 * @module
 */

const reals = 'D1 binds every number as REAL'
const bigints = 'D1 takes no bigint beyond 2^53; it is refused before anything runs'
const pragmas = 'D1 does not allow this pragma'
const temporary = 'D1 does not allow TEMP tables'
const manyParameters = 'the case itself binds more than 100 parameters'
const bundled = 'the stack of a bundle does not name the file'

const reasons: readonly (readonly [title: RegExp, reason: string])[] = [
  [/^Batches: C6 an error in the middle/, bundled],
  [/^Prepared queries: prepare\(\) throws at once/, bundled],
  [/^Bulk writes: C8 a bulk write stores every value/, bigints],
  [/^Bulk writes: C8 a full slice/, reals],
  [/^Bulk writes: C8 integerBinding 'driver' binds in bulk/, bigints],
  [/^Bulk writes: C8 keys of every type/, bigints],
  [/^Prepared queries: C8 prepare\(\) stores every value/, bigints],
  [/^values: C8 (2\^53 \+ 1|the largest bigint|the smallest bigint)/, bigints],
  [/^values: C8 (0|-0|5|5n|2\^31|-?\(?2\^53 - 1\)?|true|false|a Date.*) is stored as integer/, reals],
  [/^values: C8 (affinity does|integers are integers)/, reals],
  [/^statements: C8 parameters of "select json/, reals],
  [/^values: C8 a lone (high|low) surrogate/, 'D1 sends text as UTF-8'],
  [/^values: C8 2 MB of bytes/, 'D1 takes no value of more than 2,000,000 bytes'],
  [/^Bulk writes: C8 texts of any size/, 'D1 takes no value of more than 2,000,000 bytes'],
  [/^Bulk writes: C8 wide rows/, 'D1 has no tables of more than 100 columns'],
  [/^statements: C8 32,766 parameters/, manyParameters],
  [/^streams: C11 .*(reads and writes|ten streams|left early|one state)/, manyParameters],
  [/^statements: C8 one statement, whatever semicolons/, 'D1 takes no comment behind the last semicolon'],
  [/^db\.connection\(\): (connection\(\) reads on a reader|PRAGMA )/, pragmas],
  [/^results: C8 the result of a PRAGMA/, pragmas],
  [/^reads and writes: a read goes to a reader/, pragmas],
  [/^reads and writes: a write that looks like a read/, 'D1 has no connections that cannot write'],
  [/^statements that stand alone: a PRAGMA runs/, pragmas],
  [/^(statements that stand alone|db\.connection\(\)): VACUUM/, 'D1 has no VACUUM'],
  [/^storage: backup\(\) reads its path/, 'D1 has no VACUUM'],
  [/^statements that stand alone: after an ATTACH/, 'D1 has no ATTACH'],
  [/^storage: shareStorage\(\) answers the same/, 'a bundle has no second copy of a module'],
  [/^(db\.connection\(\)|statements that stand alone|Batches): (C6 )?a temporary table/, temporary],
  [/^Bulk writes: C7 100,000 rows/, 'it takes 5 s of the 8 that all others take'],
  [
    /^Kysely schema: explain\(\) (of a write|shows a plan.*new Kysely)/,
    'workerd 1.20260730 crashes on EXPLAIN of a write',
  ],
  [
    /^migrations: C14 (a table rebuild|the same on a plain|the same behind)/,
    'D1 does not let foreign_keys be set, which is an UnsupportedError',
  ],
  [
    /^migrations: (C14 a migration that fails inside a raw BEGIN|C11 .*leaves a controlled transaction)/,
    'D1 has no interactive transactions',
  ],
  [/^migrations: C11 a migration that awaits/, 'without AsyncLocalStorage the lock budget ends such a wait'],
  [
    /^write-behind buffers: C12 coalesce\(\) writes a thousand/,
    'the first flush also makes the ledger of keys',
  ],
  [/^write-behind buffers: C12 append\(\) stores every kind/, bigints],
]

/** Why this case is left out, `undefined` if it is not. */
export function notOnD1(title: string): string | undefined {
  return reasons.find(([pattern]) => pattern.test(title))?.[1]
}

/** The lines of the table that no case is meant by: they are out of date. */
export function unusedReasons(titles: readonly string[]): string[] {
  return reasons.filter(([pattern]) => !titles.some((title) => pattern.test(title))).map(String)
}
