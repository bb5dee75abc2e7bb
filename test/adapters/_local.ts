/**
 * What the tests of the synchronous adapters share: which of them this runtime has, a fresh file for every test, and
 * other processes to meet on that file.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { betterSqlite3 } from '../../adapters/better-sqlite3.ts'
import { bunSqlite } from '../../adapters/bun-sqlite.ts'
import { nodeSqlite } from '../../adapters/node-sqlite.ts'
import { toStatement } from '../../src/connection/statement.ts'
import type { Connection, ConnectionSettings, Connector } from '../../src/connector.ts'
import type { Row } from '../../src/values.ts'

export const runtime: 'bun' | 'deno' | 'node' =
  'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'

type Factory = (options: { url: string }) => Connector

/** The synchronous adapters that run here. Each test has a file of its own: two engines must never share one. */
export const adapters: readonly { readonly name: string; readonly create: Factory }[] = {
  node: [
    { name: 'better-sqlite3', create: betterSqlite3 },
    { name: 'node-sqlite', create: nodeSqlite },
  ],
  bun: [
    { name: 'bun-sqlite', create: bunSqlite },
    { name: 'node-sqlite', create: nodeSqlite },
  ],
  deno: [{ name: 'node-sqlite', create: nodeSqlite }],
}[runtime]

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unbusy-adapters-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const settings: ConnectionSettings = { integers: 'auto', maxCachedStatements: 256 }

/** A connection that is closed after the test. */
export async function connect(
  connector: Connector,
  changes: Partial<ConnectionSettings> = {},
): Promise<Connection> {
  const connection = await connector.connect('writer', { ...settings, ...changes })
  onTestFinished(async () => connection.close())
  return connection
}

/** A connection to a new file in WAL mode, and the path of the file. */
export async function connectToNewFile(
  create: Factory,
  changes: Partial<ConnectionSettings> = {},
): Promise<{ path: string; connector: Connector; connection: Connection }> {
  const path = join(temporaryFolder(), 'test.db')
  const connector = create({ url: path })
  const connection = await connect(connector, changes)
  await connection.exec('PRAGMA journal_mode = WAL')
  return { path, connector, connection }
}

/** Runs one statement as the core would, and answers its rows. */
export async function rowsOf(
  connection: Connection,
  sql: string,
  parameters: unknown[] = [],
): Promise<Row[]> {
  return (await connection.execute(toStatement({ sql, parameters }, 'integer'))).rows
}

/** The extended result code of what `action` throws. */
export async function codeOf(connector: Connector, action: () => unknown): Promise<number | undefined> {
  try {
    await action()
  } catch (error) {
    return connector.resultCodeOf(error)
  }
  throw new Error('Nothing was thrown')
}

/** Another runtime than this one, so that never two engines of one process meet on a file. */
const otherRuntime = new URL(
  `../../node_modules/.bin/${runtime === 'node' ? 'bun' : 'node'}`,
  import.meta.url,
).pathname
const openInOther =
  runtime === 'node'
    ? `const { Database } = require('bun:sqlite'); const db = new Database(process.env.FILE)`
    : `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync(process.env.FILE)`

/** Runs SQL in another process and waits for its end. */
export function runElsewhere(path: string, sql: string): void {
  const script = `${openInOther}; db.exec(process.env.SQL); db.close()`
  const { status, stderr } = spawnSync(otherRuntime, ['-e', script], {
    env: { ...process.env, FILE: path, SQL: sql },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The other process failed: ${stderr}`)
}

/** Takes the write lock in another process. @returns What makes that process commit and end. */
export async function lockElsewhere(path: string): Promise<() => Promise<void>> {
  const script = `${openInOther}; db.exec('BEGIN IMMEDIATE'); console.log('locked')
    process.stdin.on('data', () => { db.exec('COMMIT'); db.close(); process.exit(0) })`
  const child = spawn(otherRuntime, ['-e', script], {
    env: { ...process.env, FILE: path },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  onTestFinished(() => void child.kill())
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  return () => {
    child.stdin.write('commit\n')
    return ended
  }
}
