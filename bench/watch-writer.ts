/**
 * Watches the port between the core and a driver: when a statement of the writer ran, and for how long the writer held
 * the lock for it.
 *
 * @module
 */
import type { Connection, Connector, Statement } from 'unbusy'

/** One time that the writer held the lock: a transaction, or a statement outside of one. */
export interface Hold {
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly statements: readonly Run[]
}

/** A statement that ran. */
export interface Run {
  readonly statement: Statement
  /** When it had the lock and its turn. */
  readonly startedAtMs: number
}

/** The same connector, which tells of each hold of its writer once that is over. */
export function watchWriter(connector: Connector, onHold: (hold: Hold) => void): Connector {
  return {
    ...connector,
    async connect(role, settings) {
      const connection = await connector.connect(role, settings)
      if (role === 'writer') watch(connection, onHold)
      return connection
    },
  }
}

/** What is measured is a few microseconds long, so it costs as little as it can: no more objects than it tells of. */
function watch(connection: Connection, onHold: (hold: Hold) => void): void {
  let open: { readonly startedAtMs: number; readonly statements: Run[] } | undefined
  const { begin, execute, commit, rollback } = {
    begin: connection.begin.bind(connection),
    execute: connection.execute.bind(connection),
    commit: connection.commit.bind(connection),
    rollback: connection.rollback.bind(connection),
  }
  const begun = (): void => {
    open = { startedAtMs: performance.now(), statements: [] }
  }
  const ended = (): void => {
    const hold = open
    open = undefined
    if (hold !== undefined) onHold({ ...hold, endedAtMs: performance.now() })
  }
  const ran = (statement: Statement, startedAtMs: number): void => {
    if (open !== undefined) open.statements.push({ statement, startedAtMs })
    else if (statement.kind === 'write')
      onHold({ startedAtMs, endedAtMs: performance.now(), statements: [{ statement, startedAtMs }] })
  }
  connection.begin = (mode) => after(begin(mode), begun)
  connection.commit = () => after(commit(), ended)
  connection.rollback = () => after(rollback(), ended)
  connection.execute = (statement) => {
    const startedAtMs = performance.now()
    // A busy lock throws here, so what is told of did run.
    const result = execute(statement)
    if (result instanceof Promise) return after(result, () => ran(statement, startedAtMs))
    ran(statement, startedAtMs)
    return result
  }
}

/** A synchronous driver stays synchronous. */
function after<T>(result: T | Promise<T>, then: () => void): T | Promise<T> {
  if (!(result instanceof Promise)) {
    then()
    return result
  }
  return result.then((value) => {
    then()
    return value
  })
}
