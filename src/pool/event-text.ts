/**
 * The words for events: what is, and what can be done. Loaded with what has something to tell.
 *
 * @module
 */
import { report } from '../events/report.ts'
import type {
  CheckpointWorkerFailedEvent,
  LongTransactionEvent,
  StorageEvent,
  WalPinnedEvent,
} from '../events.ts'
import type { PoolOptions } from '../options/pool-options.ts'

/** Tells events to whom it concerns. */
export function eventTeller({
  connector,
  onWarning = (message) => console.warn(message),
}: PoolOptions): (event: StorageEvent) => void {
  return (event) => {
    // A logger that fails must not keep a connection from being taken back, nor a WAL from being checkpointed.
    report((it: StorageEvent) => onWarning(describeEvent(it, connector.location), it), event)
  }
}

/** The text of the warning. @param location Where the database is. */
function describeEvent(event: StorageEvent, location: string): string {
  switch (event.kind) {
    case 'wal-pinned':
      return `unbusy: ${describePin(event)} keeps the WAL of ${location} from starting over`
    case 'checkpoint-failed':
      return `unbusy: Cannot checkpoint ${location}, so its WAL grows until that works again: ${event.error.message}`
    case 'checkpoint-worker-failed':
      return `unbusy: ${describeFailure(event)} for ${location}: ${textOf(event.error)}`
    case 'long-transaction':
      return describeTransaction(event)
  }
}

function describePin({ reader, since, walBytes }: WalPinnedEvent): string {
  const who =
    reader === 'own'
      ? 'A stream or read-only transaction of this storage, open'
      : 'A read transaction or checkpoint of another connection, mostly another process, met'
  const megabytes = (walBytes / 1e6).toFixed(1)
  return `${who} since ${new Date(since).toISOString()} (WAL ${megabytes} MB and growing with every write),`
}

function describeFailure({ goesOn }: CheckpointWorkerFailedEvent): string {
  if (goesOn === 'worker') return 'The checkpoint worker was lost and is started again'
  return 'There is no checkpoint worker, so checkpoints run on the event loop'
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** SQL can be as long as a bulk insert. */
const maxShownSql = 200

function describeTransaction({ holds, ageMs, idleMs, lastSql, isEnded }: LongTransactionEvent): string {
  const what = holds === 'writer' ? 'a transaction or db.connection()' : 'a stream or read-only transaction'
  const idle = idleMs === undefined ? '' : `, idle for the last ${Math.round(idleMs)} ms`
  const effect = isEnded
    ? 'it is rolled back now (maxTransactionMs)'
    : holds === 'writer'
      ? 'every other write waits for it'
      : 'the WAL grows as long as it is open'
  const last =
    lastSql === undefined ? 'It ran no statement' : `Its last statement: ${lastSql.slice(0, maxShownSql)}`
  return `unbusy: ${what} has been open for ${Math.round(ageMs)} ms${idle}: ${effect}. ${last}`
}
