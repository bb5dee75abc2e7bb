/**
 * Checkpoints off the event loop: one worker thread for all storages of the process, started at the first checkpoint. An
 * fsync of a slow disk takes hundreds of milliseconds, and the drivers would spend them in the only thread there is.
 *
 * The thread opens a database with the very driver module of its connections. POSIX locks belong to the process, and only
 * one and the same SQLite library knows which of its handles still need them when another one closes.
 *
 * @module
 */
import type { CheckpointMode, CheckpointResult, CheckpointWorker } from '../src/connector.ts'

/** How the thread opens a database. */
export interface CheckpointDriver {
  readonly name: 'better-sqlite3' | 'node-sqlite' | 'bun-sqlite'
  /** The path of the module that the connections have loaded; none where the runtime brings the driver. */
  readonly module?: string
  readonly options: Readonly<Record<string, unknown>>
}

interface Request {
  readonly task: 'open' | 'checkpoint' | 'close'
  /** Which connection. */
  readonly key: number
  readonly path?: string
  readonly driver?: CheckpointDriver
  readonly mode?: CheckpointMode
}

interface Answer {
  readonly id: number
  readonly row?: { busy: number; log: number; checkpointed: number }
  /** What the driver threw: errors lose their codes on the way between threads. */
  readonly error?: { readonly message: string }
}

/** The part of a worker of `node:worker_threads` that is used. */
interface NodeWorker {
  on(event: 'message', listener: (answer: Answer) => void): unknown
  on(event: 'error' | 'messageerror', listener: (error: unknown) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  postMessage(message: unknown): void
  ref(): void
  unref(): void
  terminate(): unknown
}

/**
 * Inline, and plain JavaScript that runs as a classic script: a file of its own would not be found after bundling. It
 * never creates a file, and answers in the order of the requests.
 */
const source = `
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
  open({ key, driver, path }) {
    const database = openers[driver.name](driver, path)
    databases.set(key, database)
    all(database, 'PRAGMA busy_timeout = 0')
    all(database, 'PRAGMA wal_autocheckpoint = 0')
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

/** The thread of this process; the next request after its death starts another one. */
let running: Thread | undefined
let lastKey = 0

/**
 * Opens a database in the worker thread, which starts now if it does not run yet.
 *
 * @throws If the thread cannot be started, or the database cannot be opened there.
 */
export async function openCheckpointWorker(
  path: string,
  { options, ...driver }: CheckpointDriver,
): Promise<CheckpointWorker> {
  const thread = running ?? (await Thread.start())
  const key = ++lastKey
  const close = async (): Promise<void> => {
    // With the thread its connections are gone.
    if (thread.isAlive) await thread.ask({ task: 'close', key })
  }
  try {
    await thread.ask({ task: 'open', key, path, driver: { ...driver, options: cloneable(options) } })
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  return {
    async checkpoint(mode): Promise<CheckpointResult> {
      const { row } = await thread.ask({ task: 'checkpoint', key, mode })
      if (row === undefined) throw new Error('The checkpoint worker answered without a row')
      return { isBusy: row.busy !== 0, logFrames: row.log, checkpointedFrames: row.checkpointed }
    },
    close,
  }
}

/** Ends the thread as a crash would, for tests of what the others make of it. */
export async function killCheckpointThread(): Promise<void> {
  await running?.kill()
}

/** A worker thread and the requests that it has not answered. */
class Thread {
  readonly #worker: NodeWorker
  readonly #pending = new Map<number, PromiseWithResolvers<Answer>>()
  #lastId = 0
  #diedOf: unknown

  private constructor(worker: NodeWorker) {
    this.#worker = worker
    worker.on('message', (answer) => this.#settle(answer))
    worker.on('error', (error) => this.#die(error))
    worker.on('messageerror', (error) => this.#die(error))
    worker.on('exit', (code) => this.#die(new Error(`The checkpoint worker exited with code ${code}`)))
    worker.unref()
  }

  static async start(): Promise<Thread> {
    // Loaded here, as not every runtime has it.
    const { Worker } = await import('node:worker_threads')
    // The flags of the program are not for this thread: a loader would run in it once more.
    const options = { eval: true, name: 'unbusy-checkpoint', execArgv: [] }
    running ??= new Thread(new Worker(source, options) as NodeWorker)
    return running
  }

  get isAlive(): boolean {
    return this.#diedOf === undefined
  }

  /** Rejects with what the driver threw, or with the reason why the thread is gone. */
  ask(request: Request): Promise<Answer> {
    if (this.#diedOf !== undefined) return Promise.reject(this.#diedOf)
    const id = ++this.#lastId
    const pending = Promise.withResolvers<Answer>()
    // Somebody waits for the answer, so the process must last until it is there; and not a moment longer.
    if (this.#pending.size === 0) this.#worker.ref()
    this.#pending.set(id, pending)
    this.#worker.postMessage({ id, ...request })
    return pending.promise
  }

  async kill(): Promise<void> {
    await this.#worker.terminate()
    // Deno tells nobody.
    this.#die(new Error('The checkpoint worker was terminated'))
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0) this.#worker.unref()
    const { error } = answer
    if (error === undefined) pending?.resolve(answer)
    else pending?.reject(Object.assign(new Error(error.message), error))
  }

  #die(reason: unknown): void {
    if (this.#diedOf !== undefined) return
    this.#diedOf = reason
    if (running === this) running = undefined
    for (const { reject } of this.#pending.values()) reject(reason)
    this.#pending.clear()
  }
}

/** Options that can be sent to another thread: a function, such as one for logging, is not for there. */
function cloneable(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  )
}
