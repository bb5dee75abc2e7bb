/**
 * Another program on the database of a case, always Node with `node:sqlite`: it finalizes what it ran and closes for
 * good, which the peer on Bun leaves to its end.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { binary } from '../processes/peer.ts'

const run = promisify(execFile)

const program = `
  const { DatabaseSync } = require('node:sqlite')
  const [path, ...statements] = process.argv.slice(1)
  const database = new DatabaseSync(path, { timeout: 10000 })
  let rows = []
  for (const sql of statements) rows = database.prepare(sql).all()
  database.close()
  console.log(JSON.stringify(rows))
`

/** Opens the database in a process of its own, runs statements, closes it, and answers the rows of the last one. */
export async function stranger(
  path: string,
  ...statements: readonly string[]
): Promise<Record<string, unknown>[]> {
  const { stdout } = await run(binary('node'), ['-e', program, path, ...statements])
  return JSON.parse(stdout)
}

const oldEngine = `
  const Database = require('libsql')
  const database = new Database(process.argv[1])
  database.exec('select count(*) from sqlite_schema')
  database.close()
`

/**
 * Opens, reads and closes the database with a SQLite of before 3.53, in a process of its own. Later ones look whether
 * anybody holds a lock on the `-shm` before they delete the WAL at their close; this one (3.45, as most programs have)
 * asks for the lock on the database alone.
 */
export async function strangerOfOld(path: string): Promise<void> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  await run(binary('node'), ['-e', oldEngine, path], { cwd })
}

/** How many notes another process finds. */
export async function storedNotes(path: string): Promise<number> {
  const [row] = await stranger(path, 'select count(*) as n from note')
  return Number(row?.n)
}

/** A process that has the database open and runs what it is told. */
export interface OpenStranger extends AsyncDisposable {
  /** Runs statements; resolves when they are through. @throws {Error} With the error of the first that fails. */
  run(...statements: readonly string[]): Promise<void>
  /** Ends it without a word to SQLite. */
  kill(): Promise<void>
}

const obedient = `
  const { DatabaseSync } = require('node:sqlite')
  const database = new DatabaseSync(process.argv[1], { timeout: 10000 })
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    try {
      for (const sql of JSON.parse(line)) database.prepare(sql).all()
      console.log('""')
    } catch (error) {
      console.log(JSON.stringify(error.message))
    }
  })
`

/** Opens the database in a process of its own and keeps it open. */
export function openStranger(path: string): OpenStranger {
  const child = spawn(binary('node'), ['-e', obedient, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    kill,
    async run(...statements) {
      child.stdin.write(`${JSON.stringify(statements)}\n`)
      const { value } = await lines.next()
      const message = JSON.parse(value ?? '"it ended"')
      if (message !== '') throw new Error(message)
    },
    [Symbol.asyncDispose]: kill,
  }
}
