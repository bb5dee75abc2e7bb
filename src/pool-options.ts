/**
 * The options of a storage and of one call, and their checks.
 *
 * @module
 */
import type { OnConnection } from './connection-init.ts'
import type { Connector } from './connector.ts'
import { ConfigError } from './errors.ts'
import type { OnWarning } from './events.ts'
import { type Lane, lanesByUrgency } from './lanes.ts'
import type { Clock } from './lock-wait.ts'
import { checkPragmas, type Pragmas } from './pragma-rules.ts'
import { checkLockTimeout } from './retry.ts'
import type { IntegerBinding, IntegerReading } from './values.ts'

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
  /** Runs after the pragmas on every physical connection, and again after each reset. */
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

/** How one write may wait, and whether it is to happen once. */
export interface WriteOptions extends WaitOptions {
  /**
   * A name of this write that no other has, such as a random id: it is applied exactly once, however often it is called
   * with this key, and is sent again when the answer of a server was lost (contract C16). A call that finds it applied
   * resolves with empty results. Kept in the table `unbusy_ledger`; inside a transaction it has no effect.
   */
  readonly idempotencyKey?: string
  /** How long the key is remembered, in milliseconds: longer than anybody may try again. @default {86_400_000} */
  readonly idempotencyTtlMs?: number
}

/** The budget of each lane. */
export function lockTimeoutsOf({ lockTimeoutMs = {} }: PoolOptions): Readonly<Record<Lane, number>> {
  if (typeof lockTimeoutMs !== 'object') {
    return { control: lockTimeoutMs, normal: lockTimeoutMs, background: lockTimeoutMs }
  }
  return { control: 30_000, normal: 30_000, background: 60_000, ...lockTimeoutMs }
}

/**
 * A bad option throws before anything is opened (contract C1).
 *
 * @throws {ConfigError | RangeError} Naming the option and its value.
 */
export function checkOptions(options: PoolOptions): void {
  if (typeof options.connector?.connect !== 'function') {
    throw new ConfigError(
      "Cannot open storage without a connector: pass one, or use openStorage of 'unbusy/auto'",
    )
  }
  checkPragmas(options.pragmas ?? {})
  checkRemote(options)
  for (const [lane, lockTimeoutMs] of Object.entries(lockTimeoutsOf(options))) {
    checkLane('Cannot open storage as each key of lockTimeoutMs', lane)
    checkLockTimeout(lockTimeoutMs)
  }
  checkInteger('maxQueuedWrites', options.maxQueuedWrites, 1)
  checkInteger('drainTimeoutMs', options.drainTimeoutMs, 0)
  checkDuration('transactionWarnMs', options.transactionWarnMs)
  checkDuration('maxTransactionMs', options.maxTransactionMs)
  checkInteger('maxReaders', options.maxReaders, 2)
  checkInteger('maxCachedStatements', options.maxCachedStatements, 0)
  checkInteger('checkpointWalBytes', options.checkpointWalBytes, 1)
  checkWord('Cannot open storage as checkpoint', options.checkpoint, ['auto', 'passive', 'off'])
  checkWord('Cannot open storage as integers', options.integers, ['auto', 'bigint', 'strict'])
  checkWord('Cannot open storage as integerBinding', options.integerBinding, ['integer', 'driver'])
  checkFunction('onConnection', options.onConnection)
  checkFunction('onWarning', options.onWarning)
}

/** Every request may get another connection of the server: what is set on one would hold for some queries and not for others. */
function checkRemote({ connector, pragmas, onConnection }: PoolOptions): void {
  if (connector.capabilities.remote !== true) return
  const name = onConnection !== undefined ? 'onConnection' : pragmas !== undefined ? 'pragmas' : undefined
  if (name === undefined) return
  throw new ConfigError(
    `Cannot open storage with ${name} on ${connector.location} as connections and their pragmas are the server's there`,
  )
}

/** @throws {ConfigError} If there is no such lane; `what` is the start of the sentence. */
export function checkLane(what: string, lane: string): void {
  checkWord(what, lane, lanesByUrgency)
}

/** @throws {ConfigError} If it is none of these words; `what` is the start of the sentence. */
export function checkWord(what: string, value: string | undefined, words: readonly string[]): void {
  if (value === undefined || words.includes(value)) return
  throw new ConfigError(`${what} must be one of ${words.join(', ')}: current value is ${value}`)
}

function checkInteger(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least)) return
  throw new RangeError(
    `Cannot open storage as ${name} must be an integer >= ${least}: current value is ${value}`,
  )
}

function checkDuration(name: string, value: number | undefined): void {
  if (value === undefined || (typeof value === 'number' && value >= 1)) return
  throw new RangeError(`Cannot open storage as ${name} must be >= 1, or Infinity: current value is ${value}`)
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw new ConfigError(`Cannot open storage as ${name} must be a function: it is of type ${typeof value}`)
}
