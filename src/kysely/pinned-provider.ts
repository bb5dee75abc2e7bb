/**
 * The connection of a `db.connection()` or a transaction, which serves one query at a time. A transaction inside
 * `connection()` keeps it to its end, so a query on the connection's own handle that is awaited in there would wait for
 * ever (contract C11).
 *
 * @module
 */
import type { ConnectionProvider, DatabaseConnection } from 'kysely'
import { enclosingScope, type TransactionScope, whenIdle } from '../connection/transaction-scope.ts'
import type { AsyncContext } from '../connector.ts'
import { OuterWriteError } from '../errors.ts'
import type { Clock } from '../time/clock.ts'
import type { Session } from '../transactions/session.ts'

const outerQuery =
  'Cannot use the connection inside a transaction of its own that waits for this query: use the transaction itself (trx)'

export interface PinnedProviderHost {
  readonly clock: Clock
  readonly context: AsyncContext | undefined
}

type Consumer<T> = (connection: DatabaseConnection) => Promise<T>
type Options = Parameters<ConnectionProvider['provideConnection']>[1]

/** Kysely's provider of one connection, and whom it is provided to. */
export class PinnedProvider implements ConnectionProvider {
  readonly #provider: ConnectionProvider
  readonly #host: PinnedProviderHost

  constructor(provider: ConnectionProvider, host: PinnedProviderHost) {
    this.#provider = provider
    this.#host = host
  }

  /** @throws {OuterWriteError} If the consumer was called for, and is awaited, inside the one that has the connection. */
  provideConnection<T>(consumer: Consumer<T>, options?: Options): Promise<T> {
    const scope = enclosingScope(this.#host.context, this)
    if (scope === undefined) return this.#provider.provideConnection(consumer, options)
    return new Promise((resolve, reject) => {
      let isRefused = false
      const cancel = whenIdle(this.#host.clock, scope, () => {
        isRefused = true
        reject(new OuterWriteError(outerQuery))
      })
      const unlessRefused = async (connection: DatabaseConnection): Promise<T | undefined> => {
        cancel()
        return isRefused ? undefined : consumer(connection)
      }
      this.#provider.provideConnection(unlessRefused, options).then((value) => resolve(value as T), reject)
    })
  }

  /** Like {@linkcode provideConnection}; what is called for inside the consumer is seen to come from there. */
  provideAround<T>(consumer: Consumer<T>, options?: Options): Promise<T> {
    return this.provideConnection(async (connection) => {
      // Kysely may have come here without an await: the scope would be entered for the caller, too.
      await undefined
      const scope = new InnerScope(this, connection as Session)
      this.#host.context?.enter(scope)
      try {
        return await consumer(connection)
      } finally {
        scope.isOver = true
      }
    }, options)
  }
}

class InnerScope implements TransactionScope {
  readonly owner: object
  readonly parent: Session
  isOver = false

  constructor(owner: object, session: Session) {
    this.owner = owner
    this.parent = session
  }

  get isOpen(): boolean {
    return !this.isOver
  }

  idleMs(): number {
    return this.parent.idleMs()
  }
}
