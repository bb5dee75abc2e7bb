/** A connection of a program's own, on the same driver and past the library: what `retryWhileBusy` is for. */
import type { ConnectorName } from './matrix.ts'

export interface ForeignHandle {
  /** Runs statements one after the other on one connection; on an error it rolls back what they left open. */
  run(...statements: readonly string[]): Promise<void>
  /** Begins deferred, reads, lets `between` happen, and writes: BUSY_SNAPSHOT if somebody else wrote in between. */
  readThenWrite(select: string, between: () => Promise<unknown>, write: string): Promise<void>
  close(): void
}

/** Opens one. Nothing in it waits: its `busy_timeout` is 0. */
export async function foreignHandle(name: ConnectorName, path: string): Promise<ForeignHandle> {
  if (name === 'libsql') return libsqlHandle(path)
  const execute = await synchronousHandle(name, path)
  const run = async (statements: readonly string[], between?: () => Promise<unknown>): Promise<void> => {
    try {
      for (const [index, sql] of statements.entries()) {
        execute.run(sql)
        if (index === 1) await between?.()
      }
    } catch (error) {
      if (execute.inTransaction()) execute.run('ROLLBACK')
      throw error
    }
  }
  return {
    run: (...statements) => run(statements),
    readThenWrite: (select, between, write) => run(['BEGIN', select, write, 'COMMIT'], between),
    close: execute.close,
  }
}

interface SynchronousHandle {
  run(sql: string): void
  inTransaction(): boolean
  close(): void
}

async function synchronousHandle(name: ConnectorName, path: string): Promise<SynchronousHandle> {
  switch (name) {
    case 'better-sqlite3': {
      const { default: Database } = await import('better-sqlite3')
      const database = new Database(path, { timeout: 0 })
      const run = (sql: string): unknown => {
        const statement = database.prepare(sql)
        return statement.reader ? statement.all() : statement.run()
      }
      return { run, inTransaction: () => database.inTransaction, close: () => void database.close() }
    }
    case 'bun-sqlite': {
      const { Database } = await import('bun:sqlite')
      const database = new Database(path)
      const run = (sql: string): void => {
        const statement = database.prepare(sql)
        statement.all()
        statement.finalize()
      }
      return { run, inTransaction: () => database.inTransaction, close: () => database.close() }
    }
    default: {
      const { DatabaseSync } = await import('node:sqlite')
      const database = new DatabaseSync(path, { timeout: 0 })
      const run = (sql: string): unknown => database.prepare(sql).all()
      return { run, inTransaction: () => database.isTransaction, close: () => database.close() }
    }
  }
}

async function libsqlHandle(path: string): Promise<ForeignHandle> {
  const { createClient } = await import('@libsql/client')
  // One a transaction: a statement that met BUSY stays in progress, and no COMMIT works behind it any more.
  const open = () => createClient({ url: `file:${path}`, concurrency: 1, timeout: 0 })
  return {
    async run(...statements) {
      const client = open()
      try {
        await client.executeMultiple(statements.join(';'))
      } finally {
        client.close()
      }
    },
    async readThenWrite(select, between, write) {
      const client = open()
      try {
        const transaction = await client.transaction('deferred')
        await transaction.execute(select)
        await between()
        await transaction.execute(write)
        await transaction.commit()
      } finally {
        client.close()
      }
    },
    close() {},
  }
}
