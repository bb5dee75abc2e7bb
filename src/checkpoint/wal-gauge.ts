/**
 * How full the WAL is. The size of its file tells the first time only: a WAL that starts over keeps the file that it has.
 *
 * @module
 */
import type { PatientConnection } from '../connection.ts'
import type { CheckpointMode, CheckpointResult, Connector, Statement } from '../connector.ts'
import type { Row } from '../values.ts'

/** A page of it and the frame's header (https://www.sqlite.org/fileformat2.html#walformat). */
const frameHeaderBytes = 24

/** Looks at one WAL. */
export class WalGauge {
  readonly #connector: Connector
  readonly #writer: PatientConnection
  readonly #frameBytes: number

  constructor(connector: Connector, writer: PatientConnection, pageBytes: number) {
    this.#connector = connector
    this.#writer = writer
    this.#frameBytes = pageBytes + frameHeaderBytes
  }

  /** The size of the file, some 3 microseconds; 0 where there is none. */
  get fileBytes(): number {
    return this.#connector.walBytes?.() ?? 0
  }

  /**
   * Bytes of the WAL in use, some 4 to 16 microseconds: 0 if all of it is in the database, as the next write can start it
   * over. `undefined` if that cannot be told now, as in a transaction.
   */
  usedBytes(): number | undefined {
    const seen = this.#look()
    return seen && (this.openBytes(seen) > 0 ? seen.logFrames * this.#frameBytes : 0)
  }

  /** Bytes of the WAL that are not in the database: now, or when this was seen. 0 also if that cannot be told now. */
  openBytes(seen: CheckpointResult | undefined = this.#look()): number {
    return seen ? (seen.logFrames - seen.checkpointedFrames) * this.#frameBytes : 0
  }

  /** Whether another file may be attached: nobody checkpoints its WAL but the writer, in its commits. */
  get mayHaveAttached(): boolean {
    try {
      return this.#ask(databaseList).some(({ name, file }) => name !== 'main' && Boolean(file))
    } catch {
      // The writer is read from just now, or is to be replaced.
      return true
    }
  }

  #look(): CheckpointResult | undefined {
    if (this.#writer.direct.inTransaction) return undefined
    try {
      return toCheckpointResult(this.#ask(noop)[0])
    } catch {
      // Busy with the recovery of a crashed process, or to be replaced: the next look will tell.
      return undefined
    }
  }

  #ask(statement: Statement): readonly Row[] {
    const result = this.#writer.direct.run(statement)
    if (result instanceof Promise)
      throw new TypeError('Cannot look at the WAL as the driver is not synchronous')
    return result.rows
  }
}

/** `PRAGMA wal_checkpoint` in a mode; NOOP changes nothing, from SQLite 3.51 on. */
export function checkpointStatement(mode: CheckpointMode | 'noop'): Statement {
  return { sql: `PRAGMA wal_checkpoint(${mode})`, parameters: [], kind: 'alone', cacheable: mode === 'noop' }
}

const noop = checkpointStatement('noop')
const databaseList: Statement = {
  sql: 'PRAGMA database_list',
  parameters: [],
  kind: 'alone',
  cacheable: true,
}

/** What the pragma's row says. */
export function toCheckpointResult(row: Row | undefined): CheckpointResult {
  return {
    isBusy: Number(row?.busy) !== 0,
    logFrames: Number(row?.log ?? -1),
    checkpointedFrames: Number(row?.checkpointed ?? -1),
  }
}
