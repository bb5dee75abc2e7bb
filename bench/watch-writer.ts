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

function watch(connection: Connection, onHold: (hold: Hold) => void): void {
  let open: { readonly startedAtMs: number; readonly statements: Run[] } | undefined
  const end = (hold: { readonly startedAtMs: number; readonly statements: Run[] }): void => {
    open = undefined
    onHold({ ...hold, endedAtMs: performance.now() })
  }
  const { begin, execute, commit, rollback } = {
    begin: connection.begin.bind(connection),
    execute: connection.execute.bind(connection),
    commit: connection.commit.bind(connection),
    rollback: connection.rollback.bind(connection),
  }
  connection.begin = (mode) =>
    after(begin(mode), () => {
      open = { startedAtMs: performance.now(), statements: [] }
    })
  connection.commit = () => after(commit(), () => open && end(open))
  connection.rollback = () => after(rollback(), () => open && end(open))
  connection.execute = (statement) => {
    const startedAtMs = performance.now()
    // A busy lock throws here, so what is told of did run.
    return after(execute(statement), () => {
      const run = { statement, startedAtMs }
      if (open !== undefined) open.statements.push(run)
      else if (statement.kind === 'write') end({ startedAtMs, statements: [run] })
    })
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
