/**
 * unbusy: SQLite storage that is never "busy", with one contract on Node, Bun, Deno and the edge.
 *
 * The core imports no driver: pass a connector, or use `openStorage` of `unbusy/auto`.
 *
 * @module
 */

export {
  type DatabaseLocation,
  type DialectName,
  type EnvStorageOptions,
  parseDatabaseUrl,
  storageOptionsFromEnv,
} from './config.ts'
export type { OnConnection, OpenedConnection, Pragmas } from './connection-init.ts'
export type * from './connector.ts'
export { UnbusyDialect } from './dialect.ts'
export {
  ConfigError,
  ConstraintError,
  InvalidStatementError,
  LockTimeoutError,
  type LockWaitReport,
  OpenError,
  OuterWriteError,
  SqliteError,
  StorageClosedError,
  TransactionControlError,
  TransactionEndedError,
  UnbusyError,
  UnsupportedError,
} from './errors.ts'
export { type Clock, systemClock } from './lock-wait.ts'
export type { CloseReport, PoolOptions, WaitOptions } from './pool.ts'
export { resultCodeName, resultCodeOf } from './result-code.ts'
export { type RetryOptions, retryWhileBusy } from './retry.ts'
export { shareStorage } from './share.ts'
export { openStorage, Storage, type StorageOptions, type StorageStats } from './storage.ts'
export type { BoundValue, IntegerBinding, IntegerReading, Row, SqlValue } from './values.ts'
export type { UnfinishedWrites } from './write-queue.ts'
