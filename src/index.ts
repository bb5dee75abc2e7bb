/**
 * unbusy: SQLite storage that is never "busy", with one contract on Node, Bun, Deno and the edge.
 *
 * The core imports no driver: pass a connector, or use `openStorage` of `unbusy/auto`.
 *
 * @module
 */

export { AppendQueue } from './append-queue.ts'
export type { BatchQuery, BatchResults } from './batch.ts'
export type { AppendOptions, AppendStats, Overflow, PushedRow } from './buffers/append-options.ts'
export type { CoalesceOptions, CoalesceStats, FlushContext } from './buffers/coalesce-options.ts'
export type { FlushOptions } from './buffers/flush-loop.ts'
export type { PushOptions } from './buffers/room-line.ts'
export type { BufferReports, Drop, DropReason, PushResult } from './buffers/write-behind.ts'
export type {
  ConditionOptions,
  InsertManyOptions,
  KeyValue,
  RepositoryKey,
  UpdateManyOptions,
  UpdateRow,
  UpsertManyOptions,
  UpsertRow,
} from './bulk/repository-types.ts'
export type { MergeRule } from './bulk/sql.ts'
export type { BulkOptions, BulkResult } from './bulk.ts'
export type { CheckpointReport } from './checkpoint/runner.ts'
export type { WalStats } from './checkpoint/wal-report.ts'
export { CoalescingBuffer } from './coalescing-buffer.ts'
export {
  type DatabaseLocation,
  type DialectName,
  type EnvStorageOptions,
  parseDatabaseUrl,
  storageOptionsFromEnv,
} from './config.ts'
export type { OnConnection, OpenedConnection } from './connection/on-connection.ts'
export type { Pragmas } from './connection/pragma-rules.ts'
export type * from './connector/file-facts.ts'
export type * from './connector.ts'
export { UnbusyDialect } from './dialect.ts'
export type { DoctorOptions } from './doctor/examination.ts'
export type { DoctorCheck, DoctorReport, DoctorSeverity } from './doctor/report.ts'
export type { Outcome } from './errors/outcome.ts'
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
export type { Lane } from './lanes.ts'
export type { CheckpointPolicy, PoolOptions, WaitOptions, WriteOptions } from './options/pool-options.ts'
export { type RetryOptions, retryWhileBusy } from './options/retry.ts'
export type { CloseReport } from './pool/shutdown.ts'
export { Repository } from './repository.ts'
export { resultCodeName, resultCodeOf } from './result-code.ts'
export type { StorageOptions } from './storage/kysely.ts'
export { openStorage } from './storage/opening.ts'
export type { PreparedQuery } from './storage/prepared-query.ts'
export { shareStorage } from './storage/share.ts'
export type { StorageStats } from './storage/stats.ts'
export { Storage } from './storage.ts'
export { type Clock, type ScheduleOptions, systemClock } from './time/clock.ts'
export type { BoundValue, IntegerBinding, IntegerReading, Row, SqlValue } from './values.ts'
export type { UnfinishedWrites } from './write-queue/unfinished-writes.ts'
