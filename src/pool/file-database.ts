/**
 * What a database in a file needs beyond its connections: somebody who watches the file, warns of what can damage it, and
 * checkpoints its WAL. Loaded for those alone: a server looks after its own, and memory has none.
 *
 * @module
 */
import type { Autocheckpoint } from '../checkpoint/gate.ts'
import { removeLeftWal } from '../checkpoint/left-wal.ts'
import { autocheckpointPages, defaultCheckpointWalBytes } from '../checkpoint/limits.ts'
import { Checkpoints, type CheckpointsHost } from '../checkpoint.ts'
import { hasNoopCheckpoint, hasWalResetBug, warnAboutEngine } from '../connection/engine-version.ts'
import { FileGuard } from '../connection/file-guard.ts'
import { journalModeOf } from '../connection/pragmas.ts'
import type { PatientConnection } from '../connection.ts'
import type { StatementResult } from '../connector.ts'
import type { UnbusyError } from '../errors.ts'
import type { LockWait } from '../lock-wait.ts'
import type { PoolOptions } from '../options/pool-options.ts'
import { systemClock } from '../time/clock.ts'
import { eventTeller } from './event-text.ts'
import { type LostHost, letGo } from './let-go.ts'

/** What the pool has of its own for the checkpoints. */
export type FileCheckpointsHost = Pick<CheckpointsHost, 'clock' | 'queue' | 'writer' | 'oldestReadSinceMs'>

/** One database in a file. */
export class FileDatabase {
  readonly guard: FileGuard
  /** Shared with the connections, which set it. */
  readonly autocheckpoint: Autocheckpoint
  readonly #options: PoolOptions
  #engineVersion = ''
  /** Most have this one; what it is shows when the file is open. */
  #pageBytes = 4_096

  /** @param onLost Called once, when the files were deleted or replaced. */
  constructor(options: PoolOptions, onLost: (error: UnbusyError) => void) {
    const { connector, clock = systemClock } = options
    this.#options = options
    this.guard = new FileGuard(connector, clock, onLost)
    this.autocheckpoint = { pages: this.#firstPages() }
  }

  /** Finds out how large its pages are, and says what is dangerous about the engine, the driver and the place of the file. */
  async look(writer: PatientConnection, wait: LockWait): Promise<void> {
    const { connector, onWarning } = this.#options
    await this.#measurePages(writer, wait)
    this.#engineVersion = await warnAboutEngine(writer, wait, connector, onWarning)
    if (connector.file === undefined) return
    const { warnAboutSurroundings } = await import('../doctor/opening-warnings.ts')
    warnAboutSurroundings(connector, onWarning)
  }

  /** The checkpoints of its WAL, to be asked for after {@linkcode FileDatabase.look}. */
  checkpoints(host: FileCheckpointsHost): Checkpoints {
    const { connector, checkpoint = 'auto', checkpointWalBytes = defaultCheckpointWalBytes } = this.#options
    return new Checkpoints({
      ...host,
      connector,
      policy: this.#hasWal ? checkpoint : 'off',
      limitBytes: checkpointWalBytes,
      pageBytes: this.#pageBytes,
      autocheckpoint: this.autocheckpoint,
      mayUseWorker: mayCheckpointBesideWriter(this.#engineVersion),
      onEvent: eventTeller(this.#options),
    })
  }

  /** Closes the connections of a storage whose files are lost. */
  letGo(host: LostHost, writer: PatientConnection, error: UnbusyError): Promise<boolean> {
    return letGo(host, writer, error)
  }

  /** Removes `-wal` and `-shm`, if nobody else has the database open. To be called after the last connection closed. */
  async removeLeftWal(): Promise<void> {
    // libSQL closes when the garbage collector wants it to: the files tell nothing.
    if (!this.#options.connector.capabilities.synchronous) return
    try {
      this.guard.assertIntact()
      await removeLeftWal(this.#options)
    } catch {
      // Lost files are not ours any more; and what is left behind holds nothing that is lost.
    }
  }

  /** SQLite counts in pages. Where they are smaller it would checkpoint in commits, long before the worker is started. */
  async #measurePages(writer: PatientConnection, wait: LockWait): Promise<void> {
    if (!this.#hasWal) return
    const ask = (sql: string): Promise<StatementResult> =>
      writer.execute({ sql, parameters: [], kind: 'alone', cacheable: false }, wait)
    this.#pageBytes = Number((await ask('PRAGMA page_size')).rows[0]?.page_size)
    const pages = this.#firstPages()
    if (pages === this.autocheckpoint.pages) return
    this.autocheckpoint.pages = pages
    await ask(`PRAGMA wal_autocheckpoint = ${pages}`)
  }

  /** At how many pages SQLite checkpoints by itself at first. What the user has set himself stays as it is. */
  #firstPages(): number | undefined {
    const { connector, checkpoint, checkpointWalBytes = defaultCheckpointWalBytes, pragmas } = this.#options
    if (!this.#hasWal || pragmas?.wal_autocheckpoint !== undefined) return undefined
    if (checkpoint === 'off') return 0
    const limits = { limitBytes: checkpointWalBytes, pageBytes: this.#pageBytes }
    return autocheckpointPages(limits, connector.openCheckpointWorker !== undefined)
  }

  /** Another journal has nothing to checkpoint. */
  get #hasWal(): boolean {
    return journalModeOf(this.#options.pragmas) === 'wal'
  }
}

/** Where the WAL-reset bug is, nobody but the writer may checkpoint; and a worker needs to know when it is due. */
function mayCheckpointBesideWriter(engineVersion: string): boolean {
  return !hasWalResetBug(engineVersion) && hasNoopCheckpoint(engineVersion)
}
