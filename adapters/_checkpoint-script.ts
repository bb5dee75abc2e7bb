/**
 * What runs in the thread that checkpoints, and the messages that it is sent and answers with.
 *
 * @module
 */
import type { CheckpointMode } from '../src/connector.ts'

/** How the thread opens a database. */
export interface CheckpointDriver {
  readonly name: 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite'
  /** The path of the module that the connections have loaded; none where the runtime brings the driver. */
  readonly module?: string
  readonly options: Readonly<Record<string, unknown>>
}

/** What the thread is asked for. */
export interface Request {
  readonly task: 'open' | 'checkpoint' | 'close'
  /** Which connection. */
  readonly key: number
  readonly path?: string
  readonly driver?: CheckpointDriver
  /** What the connection runs before anything else. */
  readonly init?: readonly string[]
  readonly mode?: CheckpointMode
}

/** What it answers. */
export interface Answer {
  readonly id: number
  readonly row?: { busy: number; log: number; checkpointed: number }
  /** What the driver threw: errors lose their codes on the way between threads. */
  readonly error?: { readonly message: string }
}

/**
 * Inline, and plain JavaScript that runs as a classic script: a file of its own would not be found after bundling. It
 * never creates a file, and answers in the order of the requests.
 */
export const checkpointScript: string = `
const { parentPort } = require('node:worker_threads')
// Node 22 says once more in each thread that node:sqlite is experimental.
process.removeAllListeners('warning')
const openers = {
  'better-sqlite3': ({ module, options }, path) =>
    new (require(module))(path, { ...options, timeout: 0, fileMustExist: true }),
  'node-sqlite': ({ options }, path) => {
    require('node:fs').statSync(path)
    const { DatabaseSync } = require('node:sqlite')
    return new DatabaseSync(path, { ...options, timeout: 0 })
  },
  'bun-sqlite': ({ options }, path) => {
    const { Database } = require('bun:sqlite')
    return new Database(path, { ...options, readwrite: true, create: false })
  },
}
const databases = new Map()
function all(database, sql) {
  const statement = database.prepare(sql)
  const rows = statement.all()
  statement.finalize?.()
  return rows
}
const tasks = {
  open({ key, driver, path, init }) {
    const database = openers[driver.name](driver, path)
    databases.set(key, database)
    for (const sql of init) all(database, sql)
    // The first access: one that cannot be read (an encrypted file) must not look as if it could be checkpointed.
    all(database, 'SELECT 1 FROM sqlite_schema LIMIT 1')
  },
  checkpoint({ key, mode }) {
    const [{ busy, log, checkpointed }] = all(databases.get(key), 'PRAGMA wal_checkpoint(' + mode + ')')
    return { busy: Number(busy), log: Number(log), checkpointed: Number(checkpointed) }
  },
  close({ key }) {
    databases.get(key)?.close()
    databases.delete(key)
  },
}
parentPort.on('message', ({ id, ...request }) => {
  try {
    parentPort.postMessage({ id, row: tasks[request.task](request) })
  } catch (error) {
    const { message, name, code, errcode, errno } = error
    parentPort.postMessage({ id, error: { message: String(message), name, code, errcode, errno } })
  }
})`
