/**
 * What cannot hold where the engine is behind a network (tier B), and why: by the names of the cases.
 *
 * @module
 */

const limits: readonly (readonly [reason: string, cases: RegExp])[] = [
  [
    'the first error of a transaction is the last that is certain: only a rollback can follow',
    /^C9 .*alone and in a transaction|^C10 (OR ROLLBACK|RAISE|ON CONFLICT|SQLITE_FULL)|nested savepoints are rolled back|goes on after a refused row/,
  ],
  [
    'the server tells the kind of a constraint in words alone, and not that of a trigger or a primary key',
    /^C5 (a key that is taken|RAISE\((ABORT|FAIL)\)|RAISE\(ROLLBACK\) on a connection)/,
  ],
  [
    'a batch that fails is undone as a whole: nothing of INSERT OR FAIL stays, and each neighbour has a cycle of its own',
    /^C5 (RAISE\(ROLLBACK\)|INSERT OR|UPDATE OR|a column that is|a key that)/,
  ],
  [
    'pragmas, files and checkpoints are of the server',
    /pragma|PRAGMA|VACUUM|backup\(\)|a disk that is full|left early frees its reader|rollback journal|foreign_keys off|no page in the WAL|C14 the same (on a plain Kysely|behind)/,
  ],
  [
    'a connection of the server serves one request: there are no temporary objects and nothing attached',
    /temp schema|attached database|temporary table|keeps one connection, with what belongs|whatever semicolons|after an ATTACH|^last_insert_rowid\(\), changes/,
  ],
  [
    'its readers are not query_only: a read-only transaction trusts the text of a statement',
    /runs on a reader|a write that looks like a read|a read goes to a reader|prepared SELECT goes to a reader|reads on a reader until/,
  ],
  [
    "waiting for a lock of the file is the server's as well, at its own pace",
    /waits up to 3 s|lockTimeoutMs: 2000|COMMIT that/,
  ],
  [
    'a reader is opened without a request, so that it cannot fail',
    /reader that cannot be opened|standing reader is opened again|whose BEGIN fails gives its reader back/,
  ],
  ['a request that is under way cannot be called back', /^C3 an abort ends the wait/],
  [
    'the case works with several databases at once',
    /^C8 the result of|through the transactions of two storages/,
  ],
  ['its streams are read at once, so no reader is held', /^C13 a stream that stays open/],
  ['there is no :memory: at a server', /:memory:/],
  [
    'the ledger of flushes is made in a cycle of its own',
    /^C12 (coalesce\(\) writes a thousand|append\(\) stores every kind)/,
  ],
  [
    'the case counts, or names, what this tier has under another name',
    /a lane that is none|stats\(\) tells|an open transaction$|waits for an open transaction/,
  ],
]

/** What only somebody who has the file of the server can see. */
const fileLimits: typeof limits = [
  ['the case reads the file of the server', /^C5 each promise resolves after its commit: a stranger/],
  [
    'it asks another process whether the lock is taken, and a server lets who asks wait',
    /and no lock$|^C2 .*has the write lock before its first|^C2 raw BEGIN inside|^C2 .*never meets a stale snapshot/,
  ],
]

const sqldLimits: typeof limits = [
  [
    'sqld answers HTTP 500 to a read of text that is no UTF-8, and a read is sent again until its budget is over',
    /text that is not valid UTF-8/,
  ],
]

const socketLimits: typeof limits = [
  [
    'sqld cuts a WebSocket whose message has more than 16 MiB; HTTP has no such limit',
    /^C8 texts of any size/,
  ],
]

/** The in-repo server with its file, the same without it, and one that is given, over HTTP or a WebSocket. */
export type ServerKind = 'file' | 'no-file' | 'given' | 'given-by-socket'

const limitsOf: Readonly<Record<ServerKind, typeof limits>> = {
  file: limits,
  'no-file': [...limits, ...fileLimits],
  given: [...limits, ...fileLimits, ...sqldLimits],
  'given-by-socket': [...limits, ...fileLimits, ...sqldLimits, ...socketLimits],
}

/** Why a case does not run on a server; `undefined` if it does. */
export function reasonOnServer(name: string, server: ServerKind): string | undefined {
  return limitsOf[server].find(([, cases]) => cases.test(name))?.[0]
}
