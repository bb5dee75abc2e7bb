/**
 * What the tests of the libSQL adapter share beside `_local.ts`: a file opened with libSQL, and programs that run in a
 * process of their own, as what ends with a process cannot be seen from inside of it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type LibsqlOptions, libsql } from 'unbusy/libsql'
import { expect, onTestFinished } from 'vitest'
import type { Connection, ConnectionSettings, Connector } from '../../src/connector.ts'
import { peerCommand } from '../processes/peer.ts'
import { connect, rowsOf, temporaryFolder } from './_local.ts'

/** A file of this test, and a connector to it that is closed after the connections. */
export interface LibsqlFile {
  readonly path: string
  readonly connector: Connector
  connect(changes?: Partial<ConnectionSettings>): Promise<Connection>
}

export function libsqlFile(name = 'test.db', options: Omit<LibsqlOptions, 'url'> = {}): LibsqlFile {
  const path = join(temporaryFolder(), name)
  const connector = libsql({ url: path, ...options })
  onTestFinished(async () => connector.close?.())
  return { path, connector, connect: (changes) => connect(connector, changes) }
}

/** A connection to a new file in WAL mode with the table `t (a)`. */
export async function walFile(): Promise<LibsqlFile & { readonly connection: Connection }> {
  const file = libsqlFile()
  const connection = await file.connect()
  await connection.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)')
  return { ...file, connection }
}

/** Writes as the core does: in a transaction that takes the lock first. */
export async function commitOne(connection: Connection, sql: string, parameters?: unknown[]): Promise<void> {
  await connection.begin('immediate')
  await rowsOf(connection, sql, parameters)
  await connection.commit()
}

/** A program in a process of its own that speaks by lines. */
export interface Child {
  /** The next line that it prints; `undefined` once it ended. */
  line(): Promise<string | undefined>
  /** Has it go on after its `await told()`; once. */
  goOn(): void
  kill(): Promise<void>
}

/** The program of this runtime that runs a JavaScript module given as its last argument. */
const ownCommand: readonly [string, ...string[]] =
  'Deno' in globalThis ? [process.execPath, 'eval'] : [process.execPath, '-e']

/** Every child can wait to be told: for the end of its input, as an input that stays open keeps it alive. */
const prelude = `
  import process from 'node:process'
  const told = () => new Promise((resolve) => process.stdin.on('end', resolve).resume())
`

/** Runs a JavaScript module of this text, with the runtime that runs the tests if no other is given. */
export function startChild(program: string, command: readonly [string, ...string[]] = ownCommand): Child {
  const [runtime, ...args] = command
  const child = spawn(runtime, [...args, prelude + program], {
    // Where packages are found from.
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  return {
    line: async () => (await lines.next()).value,
    goOn: () => void child.stdin.end(),
    kill,
  }
}

/** Has a process of another runtime read the file in a transaction that it leaves open until it is told to go on. */
export async function holdReadLock(path: string): Promise<Child> {
  const child = startChild(
    `
    import { DatabaseSync } from 'node:sqlite'
    const database = new DatabaseSync(${JSON.stringify(path)}, { timeout: 10000 })
    database.exec('BEGIN')
    database.prepare('SELECT * FROM sqlite_schema').all()
    console.log('held')
    await told()
    database.close()
    console.log('released')
  `,
    peerCommand(),
  )
  expect(await child.line()).toBe('held')
  return child
}
