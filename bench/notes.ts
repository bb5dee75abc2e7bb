/**
 * Why a number is another one than wanted, on better-sqlite3 and on other drivers. Printed below their tables.
 *
 * @module
 */
import type { SuiteName } from './result.ts'

const notes: Readonly<Record<string, Readonly<Partial<Record<SuiteName, string>>>>> = {
  'better-sqlite3': {
    insert: `at 64 callers a third of our time is Kysely building the query, which prepare() saves; a raw transaction has no
promise a row.`,
    flush: `10,000 rows in slices: neighbours by key go into one slice, so that ten slices do not write every page of the
table ten times. Where keys say nothing of where a row is stored, as with random ones in a table with rowids, they do: there
the ratio is about 8. What slices buy: others write in between.`,
  },
  'node-sqlite': {
    insert: `ratios are a little lower than on better-sqlite3. A raw transaction takes 0.5 microseconds a row, half of what
it takes there, so the queue around each insert weighs more beside it.`,
    flush: `of few rows ratios are a little lower: one statement for all of them takes a fifth longer than on better-sqlite3,
as its values take longer to bind, and a loop a tenth.`,
  },
  'bun-sqlite': {
    insert: `Kysely alone takes a fifth less time than on better-sqlite3, so ratios are lower. A raw transaction takes 0.4
microseconds a row, less than half, so the queue around each insert weighs more beside it.`,
    flush: 'single updates and a raw transaction cost less than on better-sqlite3, so ratios are lower.',
  },
  libsql: {
    insert: `a lone write of ours runs in BEGIN and COMMIT, as one that meets a busy lock outside of a transaction breaks
the connection (tursodatabase/libsql-js#237): three statements instead of one, so ratios at 1 caller are below 1. In a
group each statement is a promise of the client, so groups win less. The raw transaction is the client's batch().`,
    flush:
      "the raw transaction is the client's batch(), which prepares each of its statements: one statement is ahead of it.",
  },
}

/** What is to be said of a suite on a connector. */
export function noteOf(connector: string, suite: SuiteName): string | undefined {
  return notes[connector]?.[suite]
}
