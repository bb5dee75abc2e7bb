/**
 * unbusy: SQLite storage that is never "busy", with one contract on Node, Bun, Deno and the edge.
 *
 * The core imports no driver: pass a connector, or use `openStorage` of `unbusy/auto`.
 *
 * @module
 */

export type { AppendOptions, AppendStats, Overflow } from './append-options.ts'
export { AppendQueue } from './append-queue.ts'
export type { BatchQuery, BatchResults } from './batch.ts'
export type { BulkOptions, BulkResult } from './bulk.ts'
export type { MergeRule } from './bulk-sql.ts'
export type { CheckpointReport } from './checkpoint-runner.ts'
export { type Clock, type ScheduleOptions, systemClock } from './clock.ts'
export type { CoalesceOptions, CoalesceStats, FlushContext } from './coalesce-options.ts'
export { CoalescingBuffer } from './coalescing-buffer.ts'
export {
  type DatabaseLocation,
  type DialectName,
  type EnvStorageOptions,
  parseDatabaseUrl,
  storageOptionsFromEnv,
} from './config.ts'
export type { OnConnection, OpenedConnection } from './connection-init.ts'
export type * from './connector.ts'
export { UnbusyDialect } from './dialect.ts'
export type { DoctorOptions } from './doctor/examination.ts'
export type * from './doctor/file-facts.ts'
export type { DoctorCheck, DoctorReport, DoctorSeverity } from './doctor/report.ts'
export {
  type BulkFailure,
  BulkWriteError,
  ConfigError,
  ConstraintError,
  CorruptDatabaseError,
  DatabaseFullError,
  DatabaseIoError,
  FileReplacedError,
  FlushTimeoutError,
  InvalidStatementError,
  LockTimeoutError,
  type LockWaitReport,
  OpenError,
  OutcomeUnknownError,
  OuterWriteError,
  QueueFullError,
  ReadonlyDatabaseError,
  RemoteError,
  SqliteError,
  StorageClosedError,
  type TransactionAge,
  TransactionControlError,
  TransactionEndedError,
  TransactionTimeoutError,
  UnbusyError,
  UnsupportedError,
} from './errors.ts'
export type {
  CheckpointFailedEvent,
  CheckpointWorkerFailedEvent,
  LongTransactionEvent,
  OnWarning,
  StorageEvent,
  WalPin,
  WalPinnedEvent,
} from './events.ts'
export type { FlushOptions } from './flush-loop.ts'
export type { Lane } from './lanes.ts'
export type { Outcome } from './outcome.ts'
export type { CheckpointPolicy, PoolOptions, WaitOptions, WriteOptions } from './pool-options.ts'
export type { Pragmas } from './pragma-rules.ts'
export type { PreparedQuery } from './prepared-query.ts'
export { Repository } from './repository.ts'
export type {
  ConditionOptions,
  InsertManyOptions,
  KeyValue,
  RepositoryKey,
  UpdateManyOptions,
  UpdateRow,
  UpsertManyOptions,
  UpsertRow,
} from './repository-types.ts'
export { resultCodeName, resultCodeOf } from './result-code.ts'
export { type RetryOptions, retryWhileBusy } from './retry.ts'
export type { PushOptions } from './room-line.ts'
export { shareStorage } from './share.ts'
export type { CloseReport } from './shutdown.ts'
export { Storage } from './storage.ts'
export type { StorageOptions } from './storage-kysely.ts'
export { openStorage } from './storage-opening.ts'
export type { StorageStats } from './storage-stats.ts'
export type { UnfinishedWrites } from './unfinished-writes.ts'
export type { BoundValue, IntegerBinding, IntegerReading, Row, SqlValue } from './values.ts'
export type { WalStats } from './wal-report.ts'
export type { BufferReports, Drop, DropReason, PushResult } from './write-behind.ts'
