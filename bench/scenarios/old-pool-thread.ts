/**
 * One connection of the old pool of I2, in a thread of its own. It keeps what its driver has by itself, but for the
 * pragmas that reach it.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import BetterSqlite3 from 'better-sqlite3'

/** Which driver, and where the file is. */
export interface PoolThreadData {
  readonly driver: 'better-sqlite3' | 'node-sqlite'
  readonly path: string
}

/** A statement to run. */
export interface PoolThreadTask {
  readonly sql: string
  readonly values: readonly string[]
}

/** What became of it. */
export type PoolThreadAnswer = { readonly row?: Record<string, unknown> } | { readonly resultCode: unknown }

const { driver, path } = workerData as PoolThreadData
const database = driver === 'better-sqlite3' ? new BetterSqlite3(path) : new DatabaseSync(path)

parentPort?.on('message', ({ sql, values }: PoolThreadTask) => {
  parentPort?.postMessage(run(sql, values))
})

function run(sql: string, values: readonly string[]): PoolThreadAnswer {
  try {
    const statement = database.prepare(sql)
    if (sql.startsWith('insert')) {
      statement.run(...values)
      return {}
    }
    return { row: statement.get(...values) as Record<string, unknown> }
  } catch (error) {
    const { code, errcode } = error as { code?: unknown; errcode?: unknown }
    return { resultCode: errcode ?? code }
  }
}
