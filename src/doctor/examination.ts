/**
 * What the checks that speak SQL work with.
 *
 * @module
 */
import type { FileFacts, FileHolder } from '../connector/file-facts.ts'
import type { Connector } from '../connector.ts'
import type { Row } from '../values.ts'

/** Options of `storage.doctor()`. */
export interface DoctorOptions {
  /**
   * Whether to run `quick_check` and `foreign_key_check`, which read the whole database in two statements: the event loop
   * stands still meanwhile. @default {true}
   */
  readonly scan?: boolean
  /** How long each question may wait, for a lock or behind other writes, in milliseconds. @default {2_000} */
  readonly lockTimeoutMs?: number
}

/** One look at an open database. */
export interface Examination {
  readonly connector: Connector
  /** Runs a statement without parameters, and answers its rows; it waits for the lock. */
  ask(sql: string): Promise<readonly Row[]>
  readonly facts: FileFacts | undefined
  /** The other processes that have the file open. */
  readonly others: readonly FileHolder[]
  /** Whether a checkpoint may be tried. */
  readonly canWrite: boolean
  /** Whether this connection writes with the pragmas of the contract, or only looks. */
  readonly isStorage: boolean
  readonly scan: boolean
}
