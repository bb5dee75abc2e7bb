/**
 * The options of a storage and of one call, and the budgets they come to. What they may be is checked in
 * `option-checks.ts`.
 *
 * @module
 */
import type { OnConnection } from '../connection/on-connection.ts'
import type { Pragmas } from '../connection/pragma-rules.ts'
import type { Connector } from '../connector.ts'
import type { OnWarning } from '../events.ts'
import type { Lane } from '../lanes.ts'
import type { Clock } from '../time/clock.ts'
import type { IntegerBinding, IntegerReading } from '../values.ts'

/** Who checkpoints, and how far it may go. */
export type CheckpointPolicy = 'auto' | 'passive' | 'off'

/** How a storage behaves, whatever its connector. */
export interface PoolOptions {
  readonly connector: Connector
  /**
   * How long a write may wait for the lock, from the call on, in milliseconds: for all lanes, or lane by lane.
   * @default {{ control: 30_000, normal: 30_000, background: 60_000 }}
   */
  readonly lockTimeoutMs?: number | Readonly<Partial<Record<Lane, number>>>
  /**
   * How long `close()` lets buffers flush, and queued writes and open transactions finish.
   * @default {the longest lockTimeoutMs of the normal lane and the buffers, + 1_000}
   */
  readonly drainTimeoutMs?: number
  /** Pragmas for every connection, over the defaults of the contract (C1). */
  readonly pragmas?: Pragmas
  /**
   * Runs after the pragmas on every physical connection, and again after each reset. It has 30 seconds, and must not wait
   * for a query of this storage.
   */
  readonly onConnection?: OnConnection
  /** Writes that may wait at once; one more rejects with {@linkcode QueueFullError}. @default {100_000} */
  readonly maxQueuedWrites?: number
  /** Readers at most: one standing, the others for streams and read-only transactions. @default {4} */
  readonly maxReaders?: number
  /** Prepared statements kept per connection. @default {256} */
  readonly maxCachedStatements?: number
  /** How integers beyond 2^53 are read: as bigint (`auto`), all as bigint, or as an error (`strict`). @default {'auto'} */
  readonly integers?: IntegerReading
  /** How integral numbers are bound: as INTEGER everywhere, or as the driver would. @default {'integer'} */
  readonly integerBinding?: IntegerBinding
  /**
   * The size of the WAL, in bytes, at which it is checkpointed (contract C13); without a reader that holds it, it stays
   * below twice that. @default {4_194_304}
   */
  readonly checkpointWalBytes?: number
  /**
   * Who checkpoints: this storage, as it sees fit (`auto`); this storage, but only ever PASSIVE, so that a replicator such
   * as Litestream finds every frame (`passive`); or somebody else, at close too (`off`). @default {'auto'}
   */
  readonly checkpoint?: CheckpointPolicy
  /**
   * Told about a transaction, `db.connection()` or stream that has been open for so long, in milliseconds: once each,
   * through `onWarning`. `Infinity` turns that off. @default {5_000}
   */
  readonly transactionWarnMs?: number
  /**
   * Ends a transaction or `db.connection()` that has been open for so long, in milliseconds: it is rolled back, its
   * promise rejects with {@linkcode TransactionTimeoutError}, and the queue goes on. Off by default, as an import or a
   * rebuild may well take minutes, and the storage cannot know; what waits behind it ends with its own `lockTimeoutMs`.
   * Migrations and streams are never ended. A single statement that does not return cannot be. @default {Infinity}
   */
  readonly maxTransactionMs?: number
  /**
   * Told about what is dangerous here, and about what is open for long (`transactionWarnMs`): the second argument has
   * the details, where it is an event. @default {console.warn}
   */
  readonly onWarning?: OnWarning
  /** Time and chance, for tests. */
  readonly clock?: Clock
}

/** How one call may wait. */
export interface WaitOptions {
  /** How urgent the write is. @default {'normal'} */
  readonly lane?: Lane
  /** Overrides the storage's `lockTimeoutMs` for this call. */
  readonly lockTimeoutMs?: number
  /** Ends the wait; once the transaction has begun it has no effect. */
  readonly signal?: AbortSignal
}

/** How one write of a longer call waits. */
export interface PartOfCall {
  /** When the call began, on the clock of the storage: what an error tells of the wait counts from then. */
  readonly calledAtMs?: number
}

/** How one write may wait, and whether it is to happen once. */
export interface WriteOptions extends WaitOptions {
  /**
   * A name of this write that no other has, such as a random id: it is applied exactly once, however often it is called
   * with this key, and is sent again when the answer of a server was lost (contract C16). A call that finds it applied
   * resolves with empty results. Kept in the table `unbusy_ledger`; inside a transaction it has no effect.
   */
  readonly idempotencyKey?: string
  /**
   * How long the key is remembered, in milliseconds: longer than anybody may try again. The call itself counts: it is
   * remembered for as long as that may send it again. @default {86_400_000}
   */
  readonly idempotencyTtlMs?: number
}

/** The budget of each lane. */
export function lockTimeoutsOf({ lockTimeoutMs = {} }: PoolOptions): Readonly<Record<Lane, number>> {
  if (typeof lockTimeoutMs !== 'object') {
    return { control: lockTimeoutMs, normal: lockTimeoutMs, background: lockTimeoutMs }
  }
  return { control: 30_000, normal: 30_000, background: 60_000, ...lockTimeoutMs }
}
