/**
 * The checks of options: a mistake is told before anything is opened, by its name and value (contract C1).
 *
 * @module
 */
import { checkPragmas } from '../connection/pragma-rules.ts'
import { ConfigError } from '../errors.ts'
import { lanesByUrgency } from '../lanes.ts'
import { checkInteger, checkNumber } from './number-checks.ts'
import { lockTimeoutsOf, type PoolOptions } from './pool-options.ts'
import { checkLockTimeout } from './retry.ts'

/**
 * A bad option throws before anything is opened (contract C1).
 *
 * @throws {ConfigError | RangeError} Naming the option and its value.
 */
export function checkOptions(options: PoolOptions): void {
  if (typeof options?.connector?.connect !== 'function') {
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
  checkCount('maxQueuedWrites', options.maxQueuedWrites, 1)
  checkCount('drainTimeoutMs', options.drainTimeoutMs, 0)
  checkDuration('transactionWarnMs', options.transactionWarnMs)
  checkDuration('maxTransactionMs', options.maxTransactionMs)
  checkCount('maxReaders', options.maxReaders, 2)
  checkCount('maxCachedStatements', options.maxCachedStatements, 0)
  checkCount('checkpointWalBytes', options.checkpointWalBytes, 1)
  checkWord('Cannot open storage as checkpoint', options.checkpoint, ['auto', 'passive', 'off'])
  checkWord('Cannot open storage as integers', options.integers, ['auto', 'bigint', 'strict'])
  checkWord('Cannot open storage as integerBinding', options.integerBinding, ['integer', 'driver'])
  checkFunction('onConnection', options.onConnection)
  checkFunction('onWarning', options.onWarning)
}

/** Every request may get another connection of the server: what is set on one would hold for some queries and not for others. */
function checkRemote({ connector, pragmas, onConnection }: PoolOptions): void {
  if (connector.capabilities.remote !== true) return
  if (onConnection === undefined && pragmas === undefined) return
  const name = onConnection === undefined ? 'pragmas' : 'onConnection'
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

function checkCount(name: string, value: number | undefined, least: number): void {
  if (value !== undefined) checkInteger(`Cannot open storage as ${name}`, value, least)
}

function checkDuration(name: string, value: number | undefined): void {
  if (value !== undefined) checkNumber(`Cannot open storage as ${name}`, value, 1)
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw new ConfigError(`Cannot open storage as ${name} must be a function: it is of type ${typeof value}`)
}
